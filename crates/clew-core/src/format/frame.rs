//! Frames: the one shape of everything on disk.
