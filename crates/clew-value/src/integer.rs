//! Ints of any size.

use num_bigint::BigInt;

/// The most bytes of an int that is written in digits: the work grows with the square.
const WRITTEN: usize = 1024;

/// An int, in two's complement, little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer<'a>(pub(crate) &'a [u8]);

impl Integer<'_> {
    /// Returns its value, if 128 bits hold it.
    pub fn small(self) -> Option<i128> {
        if self.0.is_empty() || self.0.len() > 16 {
            return None;
        }
        let mut wide = [if self.is_negative() { 0xff } else { 0 }; 16];
        wide[..self.0.len()].copy_from_slice(self.0);
        Some(i128::from_le_bytes(wide))
    }

    fn is_negative(self) -> bool {
        self.0.last().is_some_and(|byte| byte & 0x80 != 0)
    }

    /// Returns its digits; its number of bits if there are too many digits.
    pub fn text(self) -> String {
        if let Some(small) = self.small() {
            return small.to_string();
        }
        if self.0.is_empty() || self.0.len() > WRITTEN {
            return format!("an int of {} bits", self.0.len() * 8);
        }
        BigInt::from_signed_bytes_le(self.0).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_agree_with_those_of_the_machine(value: i128) {
            let mut bytes = value.to_le_bytes().to_vec();
            prop_assert_eq!(Integer(&bytes).text(), value.to_string());
            bytes.resize(20, if value < 0 { 0xff } else { 0 });
            prop_assert_eq!(Integer(&bytes).text(), value.to_string());
        }
    }

    #[test]
    fn an_int_beyond_128_bits_is_written_in_digits() {
        let mut bytes = [0; 26];
        bytes[25] = 1; // 2**200
        assert_eq!(
            Integer(&bytes).text(),
            "1606938044258990275541962092341162602522202993782792835301376"
        );
        let mut least = [0; 17];
        least[16] = 0x80; // -2**135
        assert_eq!(Integer(&least).text(), "-43556142965880123323311949751266331066368");
        assert_eq!(Integer(&[0xff]).text(), "-1");
        assert_eq!(Integer(&vec![1; 2000]).text(), "an int of 16000 bits");
    }
}
