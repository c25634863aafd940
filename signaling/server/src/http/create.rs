//! The body of `POST /api/v1/sessions`: from JSON to a plan that holds every rule, or to a message that names
//! the field that does not.

use std::time::Duration;

use hearken_protocol::{ErrorCode, Sensitive, Timestamp};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::ApiError;

/// Longest session, and the length of one whose end was not given.
pub const SESSION_DURATION_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// How many may be in one session at once, facilitators counted.
pub const CAPACITY_MAX: u32 = 500;

/// The capacity if none was given.
pub const CAPACITY_DEFAULT: u32 = 25;

/// Longest name of a session, in characters.
pub const SESSION_NAME_CHARACTERS_MAX: usize = 100;

/// A session to be made; every rule on its values holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlan {
    /// Its name: 1 to [`SESSION_NAME_CHARACTERS_MAX`] characters, trimmed.
    pub name: Sensitive<String>,
    /// Members come in from here on.
    pub starts_at: Timestamp,
    /// Everything closes here: after the start and after now.
    pub ends_at: Timestamp,
    /// 1 to [`CAPACITY_MAX`].
    pub capacity: u32,
    /// Whether members have to be admitted.
    pub waiting_room: bool,
    /// Whether the server listens and writes along.
    pub captions: bool,
    /// Whether a transcript is kept while everybody inside agrees.
    pub transcript: bool,
}

impl SessionPlan {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// `malformed` if it is no JSON object, else `invalid_value` with a message that names the field.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            ApiError::new(ErrorCode::Malformed, format!("The body is not JSON ({place})."))
        })?;
        let Value::Object(mut fields) = value else {
            return Err(ApiError::new(
                ErrorCode::Malformed,
                "The body must be a JSON object.",
            ));
        };

        let name = name(&mut fields)?;
        let starts_at = timestamp(&mut fields, "starts_at")?.unwrap_or(now);
        let ends_at = timestamp(&mut fields, "ends_at")?.unwrap_or(starts_at + SESSION_DURATION_MAX);
        let capacity = capacity(&mut fields)?;
        let waiting_room = flag(&mut fields, "waiting_room", true)?;
        let captions = flag(&mut fields, "captions", true)?;
        let transcript = flag(&mut fields, "transcript", false)?;
        if let Some(unknown) = fields.keys().next() {
            let shown: String = unknown.chars().take(40).collect();
            return Err(invalid(format!("There is no field `{}`.", shown.escape_debug())));
        }
        if ends_at <= starts_at {
            return Err(invalid("`ends_at` must be after `starts_at`."));
        }
        if transcript && !captions {
            return Err(invalid("`transcript` needs `captions`."));
        }
        if ends_at > starts_at + SESSION_DURATION_MAX {
            return Err(invalid("`ends_at` must be at most 12 hours after `starts_at`."));
        }
        if ends_at <= now {
            return Err(invalid("`ends_at` must be in the future."));
        }
        Ok(Self {
            name,
            starts_at,
            ends_at,
            capacity,
            waiting_room,
            captions,
            transcript,
        })
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, message)
}

/// A field's value; absent and `null` are the same.
fn take(fields: &mut Map<String, Value>, field: &str) -> Option<Value> {
    fields.remove(field).filter(|value| !value.is_null())
}

fn name(fields: &mut Map<String, Value>) -> Result<Sensitive<String>, ApiError> {
    let rule =
        "`name` must be a text of 1 to 100 characters, without line breaks or other control characters.";
    let Some(Value::String(text)) = take(fields, "name") else {
        return Err(invalid(rule));
    };
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > SESSION_NAME_CHARACTERS_MAX || text.chars().any(char::is_control) {
        return Err(invalid(rule));
    }
    Ok(text.into())
}

fn timestamp(fields: &mut Map<String, Value>, field: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(value) = take(fields, field) else {
        return Ok(None);
    };
    value
        .as_str()
        .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
        .and_then(|time| Timestamp::try_from(time.unix_timestamp_nanos() / 1_000_000).ok())
        .map(Some)
        .ok_or_else(|| {
            invalid(format!(
                "`{field}` must be a time as in RFC 3339, like 2030-01-31T18:30:00Z."
            ))
        })
}

fn capacity(fields: &mut Map<String, Value>) -> Result<u32, ApiError> {
    let Some(value) = take(fields, "capacity") else {
        return Ok(CAPACITY_DEFAULT);
    };
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (1..=CAPACITY_MAX).contains(number))
        .ok_or_else(|| {
            invalid(format!(
                "`capacity` must be a whole number from 1 to {CAPACITY_MAX}."
            ))
        })
}

/// A field that is true or false.
fn flag(fields: &mut Map<String, Value>, field: &str, default: bool) -> Result<bool, ApiError> {
    match take(fields, field) {
        None => Ok(default),
        Some(Value::Bool(value)) => Ok(value),
        Some(_) => Err(invalid(format!("`{field}` must be true or false."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2030-01-31T18:30:00Z
    const NOW: Timestamp = Timestamp(1_896_114_600_000);

    fn refusal(body: &str) -> String {
        format!("{:?}", SessionPlan::parse(body.as_bytes(), NOW).unwrap_err())
    }

    #[test]
    fn a_name_is_enough() {
        let plan = SessionPlan::parse(br#"{"name":" Grief circle "}"#, NOW).unwrap();
        assert_eq!(plan.name.as_str(), "Grief circle");
        assert_eq!((plan.starts_at, plan.ends_at), (NOW, NOW + SESSION_DURATION_MAX));
        assert_eq!(
            (plan.capacity, plan.waiting_room, plan.captions, plan.transcript),
            (25, true, true, false)
        );
    }

    #[test]
    fn everything_can_be_said() {
        let body = br#"{"name":"x","starts_at":"2030-01-31T19:00:00Z","ends_at":"2030-01-31T22:00:00+02:00",
            "capacity":3,"waiting_room":false,"captions":null}"#;
        let plan = SessionPlan::parse(body, NOW).unwrap();
        assert_eq!(plan.starts_at, NOW + Duration::from_secs(30 * 60));
        assert_eq!(plan.ends_at, NOW + Duration::from_secs(90 * 60));
        assert_eq!(
            (plan.capacity, plan.waiting_room, plan.captions),
            (3, false, true)
        );
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (body, named) in [
            (r#"{}"#, "`name`"),
            (r#"{"name":"  "}"#, "`name`"),
            (r#"{"name":"a\nb"}"#, "`name`"),
            (r#"{"name":7}"#, "`name`"),
            (r#"{"name":"x","starts_at":"tomorrow"}"#, "`starts_at`"),
            (r#"{"name":"x","ends_at":1700000000}"#, "`ends_at`"),
            (
                r#"{"name":"x","ends_at":"2030-01-31T18:30:00Z"}"#,
                "`ends_at` must be after",
            ),
            (r#"{"name":"x","ends_at":"2030-02-01T06:30:00.001Z"}"#, "12 hours"),
            (
                r#"{"name":"x","starts_at":"2020-01-01T00:00:00Z"}"#,
                "in the future",
            ),
            (r#"{"name":"x","capacity":0}"#, "`capacity`"),
            (r#"{"name":"x","capacity":501}"#, "`capacity`"),
            (r#"{"name":"x","capacity":2.5}"#, "`capacity`"),
            (r#"{"name":"x","captions":"yes"}"#, "`captions`"),
            (
                r#"{"name":"x","captions":false,"transcript":true}"#,
                "`transcript` needs",
            ),
            (r#"{"name":"x","colour":"red"}"#, "`colour`"),
        ] {
            let refusal = refusal(body);
            assert!(
                refusal.contains(named) && refusal.contains("InvalidValue"),
                "{body}: {refusal}"
            );
        }
        let long = format!(r#"{{"name":"{}"}}"#, "é".repeat(101));
        assert!(refusal(&long).contains("`name`"));
    }

    #[test]
    fn what_is_no_json_object_is_malformed() {
        for body in ["", "{", "[]", "\"x\"", "null"] {
            assert!(refusal(body).contains("Malformed"), "{body}");
        }
    }
}
