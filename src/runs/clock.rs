//! The only clock: everything below this layer gives the same numbers at any time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, UTC.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// Today in the local time zone, as in `2026-01-31`.
pub fn today() -> String {
    chrono::Local::now().format("%Y-%m-%d").to_string()
}

/// A time in the local time zone, as in `2026-01-31 17:05`.
pub fn written(time: f64) -> String {
    let utc = chrono::DateTime::from_timestamp(time as i64, 0).unwrap_or_default();
    utc.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string()
}

/// A duration for people: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(secs: f64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    if !secs.is_finite() || secs < 0.0 {
        return "unknown".to_owned();
    }
    let whole = secs.round() as u64;
    match whole {
        _ if secs < 10.0 => format!("{secs:.1} s"),
        0..MINUTE => format!("{whole} s"),
        MINUTE..HOUR => format!("{} min {:02} s", whole / MINUTE, whole % MINUTE),
        _ => format!("{} h {:02} min", whole / HOUR, whole % HOUR / MINUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown: Vec<String> = [0.04, 9.96, 59.6, 185.0, 7800.0, f64::NAN].into_iter().map(duration).collect();
        assert_eq!(shown, ["0.0 s", "10.0 s", "1 min 00 s", "3 min 05 s", "2 h 10 min", "unknown"]);
    }
}
