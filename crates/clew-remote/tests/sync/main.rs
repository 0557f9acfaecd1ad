//! Histories that go to a place and come from it, whatever fails on the way.

mod cuts;
mod machine;
mod many;
mod planned;
mod round;
