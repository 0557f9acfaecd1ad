//! The devices that tensors were on, according to the stored data, and whether this machine has such devices.

use std::collections::BTreeSet;

use clew_core::format::Encoding;
use clew_core::graph::stream::bodies;
use clew_core::store::Store;
use clew_value::kinds;

/// The beginning of the parts of a tensor that was on a device (`python/clew/codecs/torch.py`).
const COPIED: &[u8] = b"copied";
/// The kinds of devices that can be detected, with their display names.
const KINDS: [(&str, &str); 2] = [("cuda", "CUDA"), ("mps", "MPS")];

/// Returns the devices that a value was on: `cuda:0`. Reads only values with tensors.
pub(super) fn devices(store: &Store, encoding: &Encoding) -> BTreeSet<String> {
    if !encoding.codecs.iter().any(|(name, _)| name.starts_with("torch.")) {
        return BTreeSet::new();
    }
    let stream = store.stream(&encoding.stream);
    stream.map(|stream| named(&stream)).unwrap_or_default()
}

/// Returns the device names in a stream, if it has tensors that were on a device.
fn named(stream: &[u8]) -> BTreeSet<String> {
    let texts = || bodies(stream).filter(|(kind, _)| *kind == kinds::STR);
    if !texts().any(|(_, text)| text == COPIED) {
        return BTreeSet::new();
    }
    let texts = texts().filter_map(|(_, text)| std::str::from_utf8(text).ok());
    texts.filter(|text| kind(text).is_some()).map(str::to_owned).collect()
}

/// Returns the display name of a device: `CUDA device`.
pub(crate) fn called(device: &str) -> String {
    format!("{} device", kind(device).unwrap_or(device))
}

fn kind(device: &str) -> Option<&'static str> {
    let (name, index) = device.split_once(':').unwrap_or((device, "0"));
    let is_index = !index.is_empty() && index.len() < 4 && index.bytes().all(|byte| byte.is_ascii_digit());
    let known = KINDS.iter().find(|(kind, _)| *kind == name && is_index);
    known.map(|(_, called)| *called)
}

/// Whether this machine has a device of its kind, according to the operating system, without loading a library.
pub(crate) fn is_here(device: &str) -> bool {
    if kind(device) == Some("MPS") {
        return cfg!(all(target_os = "macos", target_arch = "aarch64"));
    }
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| is_of_gpu(&name))
}

/// Whether a name in `/dev` is that of a GPU that `torch` calls `cuda`.
fn is_of_gpu(name: &str) -> bool {
    let number = name.strip_prefix("nvidia").unwrap_or_default();
    name == "dxg" || name == "kfd" || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_what_pytorch_calls_so() {
        assert_eq!(called("cuda:0"), "CUDA device");
        assert_eq!(called("mps"), "MPS device");
        for text in ["cuda:", "cuda:x", "cuda:0000", "cudas", "cpu", "madeup:0", ""] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert!(is_of_gpu("nvidia0") && is_of_gpu("nvidia12") && is_of_gpu("kfd") && is_of_gpu("dxg"));
        assert!(!is_of_gpu("nvidiactl") && !is_of_gpu("nvidia-uvm") && !is_of_gpu("nvidia"));
    }
}
