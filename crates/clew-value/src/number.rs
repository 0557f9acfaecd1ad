//! Floats as Python writes them.

/// Returns the shortest text that reads back as `value`.
pub fn float(value: f64) -> String {
    if !value.is_finite() {
        return special(value);
    }
    from_digits(&format!("{value:e}"))
}

/// Returns the shortest text that reads back as `value` in single precision.
pub fn single(value: f32) -> String {
    if !value.is_finite() {
        return special(f64::from(value));
    }
    from_digits(&format!("{value:e}"))
}

/// Writes a complex number, such as `(1+2j)`.
pub fn complex(real: f64, imaginary: f64) -> String {
    let bare = |value: f64| float(value).trim_end_matches(".0").to_owned();
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", bare(imaginary));
    }
    let sign = if imaginary.is_sign_negative() { "" } else { "+" };
    format!("({}{sign}{}j)", bare(real), bare(imaginary))
}

fn special(value: f64) -> String {
    let word = match value {
        _ if value.is_nan() => "nan",
        _ if value > 0.0 => "inf",
        _ => "-inf",
    };
    word.to_owned()
}

/// Writes `1.5e3` as Python would: with an exponent only if it is below -4 or at least 16.
fn from_digits(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let power: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if !(-4..16).contains(&power) {
        let sign_of_power = if power < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{sign_of_power}{:02}", power.abs());
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let body = if power < 0 {
        format!("0.{}{digits}", "0".repeat((-power - 1) as usize))
    } else {
        let whole = power as usize + 1;
        let padded = format!("{digits:0<whole$}");
        let (before, after) = padded.split_at(whole);
        format!("{before}.{}", if after.is_empty() { "0" } else { after })
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.000_123, "0.000123"),
            (123_456.789, "123456.789"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
            (5e-324, "5e-324"),
            (-2.5, "-2.5"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
        assert_eq!(single(0.1), "0.1");
        assert_eq!(complex(1.0, -2.5), "(1-2.5j)");
        assert_eq!(complex(0.0, 1.0), "1j");
    }
}
