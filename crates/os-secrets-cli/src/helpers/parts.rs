//! Stored credentials that have several parts: JSON objects with the members of the client's own protocol.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use os_secrets::{credential::Secret, json::Document};

/// The parts of a stored credential. Members of other names are ignored.
pub struct StoredParts(Vec<(&'static str, Secret)>);

impl StoredParts {
    /// Parses a stored value. A member that is `null` or empty counts as missing. The error is a part of a sentence, and
    /// contains nothing of the value.
    pub fn parse(value: &Secret, names: &[&'static str]) -> Result<Self, String> {
        let document =
            Document::parse(Path::new(""), value.expose()).map_err(|_| "it is not a JSON object")?;
        let mut parts = Vec::new();
        for name in names {
            let Some(field) = document.field(name).filter(|field| !field.is_null()) else { continue };
            let text = field.text().ok_or_else(|| format!("{name} is not a text"))?;
            if !text.expose().is_empty() {
                parts.push((*name, text));
            }
        }
        Ok(Self(parts))
    }

    /// A value that is one part only.
    pub fn of_one(name: &'static str, value: Secret) -> Self {
        Self(vec![(name, value)])
    }

    /// A part. `None` if it is missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, text) = self.0.iter().find(|(other, _)| *other == name)?;
        str::from_utf8(text.expose()).ok()
    }

    /// Checks that a part, if it exists, can be in a header of HTTP: it has only visible characters of ASCII.
    pub fn check_visible(&self, name: &str) -> Result<(), String> {
        match self.0.iter().find(|(other, _)| *other == name) {
            Some((_, text)) if !is_visible(text.expose()) => {
                Err(format!("{name} has a space, a line break or a character beyond ASCII"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the time in a part, if it exists, is in the future.
    pub fn check_not_expired(&self, name: &str) -> Result<(), String> {
        let Some(text) = self.get(name) else { return Ok(()) };
        let time =
            parse_time(text).ok_or_else(|| format!("{name} is not a time such as 2030-01-31T12:00:00Z"))?;
        if time <= i64::try_from(now()).unwrap_or(i64::MAX) {
            // It was parsed, so that it can be shown.
            return Err(format!("they expired at {text}"));
        }
        Ok(())
    }

    /// The parts as members of a JSON object, each with a comma in front. Its memory is wiped, and does not grow.
    pub fn spell(&self) -> Secret {
        let members: Vec<_> = self.0.iter().filter_map(|(name, _)| Some((*name, self.get(name)?))).collect();
        let object = os_secrets::json::object_of_texts(&members, 0);
        let inside = &object[1..object.len() - 1];
        let mut spelled = Vec::with_capacity(object.len());
        if !inside.is_empty() {
            spelled.push(b',');
            spelled.extend_from_slice(inside);
        }
        Secret::new(spelled)
    }
}

/// The time, in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether bytes are only visible characters of ASCII.
pub fn is_visible(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

/// The time of an RFC 3339 text, in seconds since 1970.
fn parse_time(text: &str) -> Option<i64> {
    let digits = |part: Option<&str>| {
        let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
        part.parse::<i64>().ok()
    };
    let bytes = text.as_bytes();
    let has = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    if !(has(4, b"-") && has(7, b"-") && has(10, b"Tt ") && has(13, b":") && has(16, b":")) {
        return None;
    }
    let (year, month, day) = (digits(text.get(..4))?, digits(text.get(5..7))?, digits(text.get(8..10))?);
    let (hour, minute, second) =
        (digits(text.get(11..13))?, digits(text.get(14..16))?, digits(text.get(17..19))?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut zone = text.get(19..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if zone.len() == fraction.len() {
            return None;
        }
    }
    let offset = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let seconds = digits(zone.get(1..3))? * 3600 + digits(zone.get(4..6))? * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// The number of days from 1970-01-01 to a day, in years of 365.2425 days that start in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Result<StoredParts, String> {
        StoredParts::parse(&Secret::new(text.as_bytes().to_vec()), &["A", "B"])
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, time) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:15Z", Some(951_827_415)),
            ("2000-02-29T12:30:15.123456z", Some(951_827_415)),
            ("2000-02-29 13:30:15+01:00", Some(951_827_415)),
            ("2000-02-29T08:00:15-04:30", Some(951_827_415)),
            ("2024-12-31T23:59:59Z", Some(1_735_689_599)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("", None),
            ("2000-02-29", None),
            ("2000-02-29T12:30:15", None),
            ("2000-02-29T12:30:15.Z", None),
            ("2000-13-29T12:30:15Z", None),
            ("+200-02-29T12:30:15Z", None),
            ("2000-02-29T12:30:15+1:00", None),
            ("2000-02-29T12:30:15Z hunter2", None),
            ("2000-02-29T12:30:15\u{e9}", None),
        ] {
            assert_eq!(parse_time(text), time, "{text}");
        }
    }

    #[test]
    fn parts_that_are_null_or_empty_are_missing() {
        let found = parts(r#"{"A": null, "B": "", "C": 1}"#).unwrap();
        assert_eq!((found.get("A"), found.get("B"), found.spell().expose()), (None, None, &b""[..]));
        let found = parts(r#"{"B": "x\n\"", "A": "1"}"#).unwrap();
        assert_eq!(found.spell().expose(), br#","A":"1","B":"x\n\"""#);
        assert!(found.check_visible("A").is_ok() && found.check_visible("B").is_err());
        for text in ["", "x", "[]", "{\"A\": 1}", "{\"A\": {}}", "{\"A\": \"hunter2\"} hunter2"] {
            assert!(!parts(text).map(drop).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn an_expired_credential_is_told() {
        let told = |time: &str| parts(&format!("{{\"A\": \"{time}\"}}")).unwrap().check_not_expired("A");
        assert_eq!(told("2000-01-01T00:00:00Z").unwrap_err(), "they expired at 2000-01-01T00:00:00Z");
        assert!(told("9999-01-01T00:00:00Z").is_ok());
        assert!(!told("hunter2").unwrap_err().contains("hunter2"));
        assert!(parts("{}").unwrap().check_not_expired("A").is_ok());
    }
}
