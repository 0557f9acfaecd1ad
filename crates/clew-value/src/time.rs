//! Times and durations as numbers and in readable form.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// The meaning of the numbers in a column of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// Whether the numbers are times or durations.
    pub kind: TimeKind,
    /// Nanoseconds or months per unit.
    pub unit: i128,
    /// Whether the unit is a month or a year, whose lengths vary.
    pub is_calendar: bool,
    /// Name of the unit: `ns`, `D`, `M`.
    pub name: String,
    /// The time zone in which times are shown.
    pub zone: Option<String>,
}

/// The kind of time that a number of units represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// A time since 1970.
    Moment,
    /// A day.
    Day,
    /// A time of day.
    Clock,
    /// A duration.
    Span,
}

/// Returns the nanoseconds of a unit; the months of one whose length varies.
fn unit(name: &str) -> Option<i128> {
    Some(match name {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "D" => 86_400_000_000_000,
        "W" => 604_800_000_000_000,
        "M" => 1,
        "Y" => 12,
        _ => return None,
    })
}

impl Time {
    /// Creates times counted in steps of the unit `name`; `None` if there is no such unit.
    pub fn new(kind: TimeKind, name: &str, step: i128, zone: Option<String>) -> Option<Self> {
        Some(Self {
            kind,
            unit: unit(name)?.checked_mul(step)?,
            is_calendar: matches!(name, "M" | "Y"),
            name: name.to_owned(),
            zone,
        })
    }

    /// Returns the nanoseconds or months of a number of units; `None` if there are too many.
    pub fn amount(&self, ticks: i64) -> Option<i128> {
        i128::from(ticks).checked_mul(self.unit)
    }

    /// Returns a number of units in readable form.
    pub fn text(&self, ticks: i64) -> String {
        let text = self.amount(ticks).and_then(|amount| match self.kind {
            TimeKind::Moment | TimeKind::Day if self.is_calendar => {
                let (year, month) = (1970 + amount.div_euclid(12), amount.rem_euclid(12) + 1);
                Some(if self.name == "Y" {
                    format!("{year:04}")
                } else {
                    format!("{year:04}-{month:02}")
                })
            }
            _ if self.is_calendar => None,
            TimeKind::Span => Some(span(amount)),
            TimeKind::Clock => Some(clock(amount)),
            TimeKind::Moment | TimeKind::Day => self.moment(amount),
        });
        text.unwrap_or_else(|| format!("{ticks} {}", self.name))
    }

    fn moment(&self, nanoseconds: i128) -> Option<String> {
        let moment = Timestamp::from_nanosecond(nanoseconds).ok()?;
        let zone = self.zone.as_deref().map(zone);
        let shown = moment.to_zoned(zone.clone().unwrap_or(TimeZone::UTC));
        let day = shown.date().to_string();
        if self.kind == TimeKind::Day {
            return Some(day);
        }
        let offset = zone.map(|_| shown.strftime("%:z").to_string()).unwrap_or_default();
        let clock = clock(i128::from(
            shown.time().duration_since(jiff::civil::Time::midnight()).as_nanos() as i64,
        ));
        Some(format!("{day} {clock}{offset}"))
    }
}

/// Returns a time zone by its name or its offset, which may be followed by more; UTC if it is unknown.
fn zone(name: &str) -> TimeZone {
    let name = name.split(' ').next().unwrap_or_default();
    let fixed = || {
        let (sign, rest) = name.split_at_checked(1)?;
        let units = rest.split([':', '.']).zip([3600, 60, 1]);
        let seconds: Option<i64> = units
            .map(|(number, unit)| Some(i64::from(number.parse::<i32>().ok()?) * unit))
            .sum();
        let signed = match sign {
            "+" => seconds?,
            "-" => -seconds?,
            _ => return None,
        };
        Some(TimeZone::fixed(Offset::from_seconds(signed.try_into().ok()?).ok()?))
    };
    fixed().or_else(|| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// Writes a time of day such as `12:30:00`, with the fraction of the second if there is one.
fn clock(nanoseconds: i128) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text + &fraction(nanoseconds.rem_euclid(1_000_000_000))
}

/// Writes a duration such as `1 day 02:03:04`.
fn span(nanoseconds: i128) -> String {
    const DAY: i128 = 86_400_000_000_000;
    let (days, rest) = (nanoseconds.div_euclid(DAY), nanoseconds.rem_euclid(DAY));
    match (days, rest) {
        (0, rest) => clock(rest),
        (days, rest) => {
            let ending = if days == 1 { "" } else { "s" };
            let time = if rest == 0 {
                String::new()
            } else {
                format!(" {}", clock(rest))
            };
            format!("{days} day{ending}{time}")
        }
    }
}

fn fraction(nanoseconds: i128) -> String {
    if nanoseconds == 0 {
        return String::new();
    }
    let digits = format!("{nanoseconds:09}");
    format!(".{}", digits.trim_end_matches('0'))
}

/// Writes an offset from UTC in microseconds, such as `+01:00`; with seconds if there are any.
pub fn offset(microseconds: i128) -> String {
    let sign = if microseconds < 0 { '-' } else { '+' };
    let text = clock(microseconds.abs() * 1_000);
    format!("{sign}{}", text.strip_suffix(":00").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(kind: TimeKind, name: &str, zone: Option<&str>) -> Time {
        Time::new(kind, name, 1, zone.map(str::to_owned)).unwrap()
    }

    #[test]
    fn times_read_as_people_write_them() {
        let moments = time(TimeKind::Moment, "ns", None);
        assert_eq!(moments.text(0), "1970-01-01 00:00:00");
        assert_eq!(moments.text(1_500_000_000), "1970-01-01 00:00:01.5");
        assert_eq!(
            time(TimeKind::Moment, "s", Some("UTC")).text(86_400),
            "1970-01-02 00:00:00+00:00"
        );
        assert_eq!(
            time(TimeKind::Moment, "s", Some("+02:00")).text(0),
            "1970-01-01 02:00:00+02:00"
        );
        assert_eq!(time(TimeKind::Day, "D", None).text(-1), "1969-12-31");
        assert_eq!(time(TimeKind::Moment, "M", None).text(-1), "1969-12");
        assert_eq!(time(TimeKind::Span, "s", None).text(90_061), "1 day 01:01:01");
        assert_eq!(time(TimeKind::Clock, "us", None).text(3_600_000_001), "01:00:00.000001");
        assert_eq!(moments.text(i64::MAX), "2262-04-11 23:47:16.854775807");
        assert_eq!(
            time(TimeKind::Moment, "W", None).text(i64::MAX),
            "9223372036854775807 W"
        );
    }
}
