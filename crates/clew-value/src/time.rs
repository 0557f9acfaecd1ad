//! Times and durations as numbers and in readable form.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// The meaning of the numbers in a column of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// Whether the numbers are times or durations.
    pub kind: TimeKind,
    /// Nanoseconds per unit; 0 if the unit is a month or a year.
    pub unit: i128,
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

/// Returns the nanoseconds of a unit; 0 if its length varies.
pub fn unit(name: &str) -> Option<i128> {
    Some(match name {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "D" => 86_400_000_000_000,
        "W" => 604_800_000_000_000,
        "M" | "Y" => 0,
        _ => return None,
    })
}

impl Time {
    /// Creates times counted in steps of the unit `name`; `None` if there is no such unit.
    pub fn new(kind: TimeKind, name: &str, step: i128, zone: Option<String>) -> Option<Self> {
        Some(Self {
            kind,
            unit: unit(name)?.checked_mul(step)?,
            name: name.to_owned(),
            zone,
        })
    }

    /// Returns a number of units in readable form.
    pub fn text(&self, ticks: i64) -> String {
        let nanoseconds = i128::from(ticks) * self.unit;
        match self.kind {
            _ if self.unit == 0 => self.calendar(ticks),
            TimeKind::Span => span(nanoseconds),
            TimeKind::Clock => clock(nanoseconds),
            TimeKind::Moment | TimeKind::Day => self
                .moment(nanoseconds)
                .unwrap_or_else(|| format!("{ticks} {}", self.name)),
        }
    }

    fn calendar(&self, ticks: i64) -> String {
        match (self.kind, self.name.as_str()) {
            (TimeKind::Moment | TimeKind::Day, "M") => {
                format!("{:04}-{:02}", 1970 + ticks.div_euclid(12), ticks.rem_euclid(12) + 1)
            }
            (TimeKind::Moment | TimeKind::Day, "Y") => format!("{:04}", 1970_i64.saturating_add(ticks)),
            _ => format!("{ticks} {}", self.name),
        }
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

/// Returns a time zone by its name or its offset; UTC if it is unknown.
fn zone(name: &str) -> TimeZone {
    let fixed = || {
        let (sign, rest) = name.split_at_checked(1)?;
        let (hours, minutes) = rest.split_once(':')?;
        let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
        let signed = if sign == "-" { -seconds } else { seconds };
        Some(TimeZone::fixed(Offset::from_seconds(signed).ok()?))
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

/// Returns an offset from UTC, such as `+01:00`.
pub fn offset(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
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
