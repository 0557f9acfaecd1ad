//! Determines which files may be mapped: those that other machines cannot truncate unnoticed by this kernel.

use std::fs::File;

use clew_core::graph::FilePiece;

/// Returns whether truncation of the files by other machines or programs reaches the reader as an error, and never as
/// a signal.
pub(super) fn are_local(pieces: &[FilePiece<'_>]) -> bool {
    let mut before: Option<&File> = None;
    pieces.iter().all(|piece| {
        let is_asked = before.is_some_and(|before| std::ptr::eq(before, piece.file));
        before = Some(piece.file);
        is_asked || rustix::fs::fstatfs(piece.file).is_ok_and(|about| is_local(about.f_type as u64 & 0xffff_ffff))
    })
}

/// Returns whether a file system is local to this machine, by its number (`statfs(2)`). Files of other ones are read
/// instead of mapped: on network file systems and in FUSE, others may truncate a file under the mapping, which kills
/// the process that touches it.
fn is_local(kind: u64) -> bool {
    const LOCAL: &[u64] = &[
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683e, // Btrfs
        0x0102_1994, // tmpfs
        0x8584_58f6, // ramfs
        0x794c_7630, // overlayfs
        0x2fc1_2fc1, // ZFS
        0xf2f5_2010, // F2FS
        0xca45_1a4e, // bcachefs
        0x3153_464a, // JFS
        0x5265_4973, // ReiserFS
    ];
    LOCAL.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_files_are_mapped() {
        let there = File::open("/proc/self/status").unwrap();
        let piece = |file| FilePiece {
            file,
            at: 0,
            offset: 0,
            length: 1,
        };
        assert!(!are_local(&[piece(&there)]));
        assert!(are_local(&[piece(
            &File::open(std::env::current_exe().unwrap()).unwrap()
        )]));
        for (name, kind) in [
            ("NFS", 0x6969),
            ("FUSE", 0x6573_5546),
            ("SMB", 0x517b),
            ("CIFS", 0xff53_4d42),
            ("9P", 0x0102_1997),
            ("Ceph", 0x00c3_6400),
        ] {
            assert!(!is_local(kind), "{name}");
        }
    }
}
