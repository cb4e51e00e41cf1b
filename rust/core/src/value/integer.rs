//! Integers beyond 64 bits, as far as the compiler and the verifier need them: read, measured, written in decimal.

use std::fmt::Write as _;

use crate::limits;

/// Bits of one limb.
const LIMB_BITS: u64 = 32;

/// The greatest power of ten that fits in a limb, and its number of digits.
const DECIMAL_STEP: (u64, usize) = (1_000_000_000, 9);

/// A whole number without a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magnitude {
    /// Least significant first; the last is not zero.
    limbs: Vec<u32>,
}

impl Magnitude {
    /// Reads digits of `radix` (at most 36, no sign, no underscores).
    ///
    /// Gives `None` for what is no digit, and for a number over [`limits::INTEGER_BITS`].
    #[must_use]
    pub fn read(digits: &str, radix: u32) -> Option<Self> {
        let mut limbs: Vec<u32> = Vec::new();
        // The digits of a group, and the power of the radix that is as long, fit in a limb.
        let (mut group, mut power) = (0_u32, 1_u32);
        for digit in digits.chars() {
            let digit = digit.to_digit(radix)?;
            if let Some(longer) = power.checked_mul(radix) {
                (group, power) = (group * radix + digit, longer);
                continue;
            }
            shift_in(&mut limbs, group, power);
            (group, power) = (digit, radix);
            // Checked at each group, so that a megabyte of digits costs no more than the first thousand.
            if limbs.len() as u64 > limits::INTEGER_BITS / LIMB_BITS {
                return None;
            }
        }
        shift_in(&mut limbs, group, power);
        (limbs.len() as u64 <= limits::INTEGER_BITS / LIMB_BITS).then_some(Self { limbs })
    }

    /// The number in decimal digits.
    #[must_use]
    pub fn to_decimal(&self) -> String {
        let (step, width) = DECIMAL_STEP;
        let mut limbs = self.limbs.clone();
        let mut groups = Vec::new();
        while !limbs.is_empty() {
            let mut rest = 0;
            for limb in limbs.iter_mut().rev() {
                let part = (rest << LIMB_BITS) | u64::from(*limb);
                *limb = low_half(part / step);
                rest = part % step;
            }
            groups.push(rest);
            while limbs.last() == Some(&0) {
                limbs.pop();
            }
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{group:0width$}");
        }
        text
    }
}

/// Multiplies the number in `limbs` and adds to it.
fn shift_in(limbs: &mut Vec<u32>, addend: u32, factor: u32) {
    let mut carry = u64::from(addend);
    for limb in limbs.iter_mut() {
        let product = u64::from(*limb) * u64::from(factor) + carry;
        *limb = low_half(product);
        carry = product >> LIMB_BITS;
    }
    if carry > 0 {
        limbs.push(low_half(carry));
    }
}

/// The lower 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is asked for"
)]
const fn low_half(value: u64) -> u32 {
    value as u32
}

/// Whether `text` is an integer in decimal digits, without needless characters, that does not fit in 64 bits and is
/// within [`limits::INTEGER_BITS`].
#[must_use]
pub fn is_canonical_big(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<i64>().is_err()
        && Magnitude::read(digits, 10).is_some()
}

#[cfg(test)]
mod tests {
    use super::{Magnitude, is_canonical_big};

    #[test]
    fn reads_every_radix() {
        for (digits, radix, decimal) in [
            ("0", 10, "0"),
            ("000", 2, "0"),
            ("ffffffffffffffff", 16, "18446744073709551615"),
            ("18446744073709551616", 10, "18446744073709551616"),
            ("1000000000000000000000", 8, "9223372036854775808"),
            (
                "1000000000000000000000000000",
                10,
                "1000000000000000000000000000",
            ),
        ] {
            assert_eq!(
                Magnitude::read(digits, radix).unwrap().to_decimal(),
                decimal
            );
        }
        assert_eq!(Magnitude::read("12", 2), None);
    }

    #[test]
    fn stops_behind_the_greatest_integer() {
        let greatest = "f".repeat(1024);
        assert!(Magnitude::read(&greatest, 16).is_some());
        assert!(Magnitude::read(&format!("1{}", "0".repeat(1024)), 16).is_none());
        assert!(Magnitude::read(&"9".repeat(1_000_000), 10).is_none());
    }

    #[test]
    fn knows_canonical_text() {
        assert!(is_canonical_big("9223372036854775808"));
        assert!(is_canonical_big("-9223372036854775809"));
        for text in [
            "",
            "-",
            "1",
            "-9223372036854775808",
            "09223372036854775808",
            "+9223372036854775808",
            "9e30",
        ] {
            assert!(!is_canonical_big(text), "{text}");
        }
    }
}
