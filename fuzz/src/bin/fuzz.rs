//! Searches for inputs that break a reader. `CLEW_READER` names the reader. `CLEW_NOTES` is a file for the longest time and the peak
//! memory; the slowest input is stored beside it. `tools/fuzz.py` starts this program.

#![no_main]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use clew_fuzz::{Reader, reader};

struct Noted {
    reader: Reader,
    file: Option<std::path::PathBuf>,
    slowest: Duration,
    most: usize,
}

static NOTED: Mutex<Option<Noted>> = Mutex::new(None);

impl Noted {
    fn begin() -> Self {
        let name = std::env::var("CLEW_READER").unwrap_or_default();
        Self {
            reader: reader(&name).unwrap_or_else(|| panic!("CLEW_READER={name} names no reader")),
            file: std::env::var_os("CLEW_NOTES").map(Into::into),
            slowest: Duration::ZERO,
            most: 0,
        }
    }

    fn read(&self, bytes: &[u8]) -> (Duration, usize) {
        let began = Instant::now();
        let memory = self.reader.read(bytes);
        (began.elapsed(), memory)
    }

    /// Another process may have used the CPU. An input that seems slow is read again, and the best time counts.
    fn note(&mut self, bytes: &[u8], mut taken: Duration, memory: usize) {
        for _ in 0..4 {
            if taken > self.slowest {
                taken = taken.min(self.read(bytes).0);
            }
        }
        let is_slower = taken > self.slowest;
        if !is_slower && memory <= self.most {
            return;
        }
        self.most = self.most.max(memory);
        self.slowest = self.slowest.max(taken);
        let Some(file) = &self.file else { return };
        let text = format!("{} {}\n", self.slowest.as_micros(), self.most);
        std::fs::write(file, text).ok();
        if is_slower {
            std::fs::write(file.with_extension("slowest"), bytes).ok();
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut noted = NOTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let noted = noted.get_or_insert_with(Noted::begin);
    let (taken, memory) = noted.read(bytes);
    noted.note(bytes, taken, memory);
});
