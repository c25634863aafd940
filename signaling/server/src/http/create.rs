//! The body of `POST /api/v1/sessions`: from JSON to a plan that holds every rule, or to a message that names
//! the field that does not.

use std::time::Duration;

use hearken_protocol::{
    CaptionAbilities, ErrorCode, GroupSpeech, Inability, Sensitive, SpokenLanguage, Timestamp, Writing,
};
use hearken_signaling_core::{VocabularyError, parse_vocabulary};
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
    /// What captions are made from; the vocabulary within its limits.
    pub speech: GroupSpeech,
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
        let speech = speech(&mut fields)?;
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
            speech,
        })
    }

    /// Whether the model that captions are made with at present can write what will be spoken.
    ///
    /// # Errors
    ///
    /// `invalid_value` with a message that names the field and the way out.
    pub fn check_model(&self, model: CaptionAbilities) -> Result<(), ApiError> {
        if !self.captions {
            return Ok(());
        }
        model.suit(&self.speech).map_err(|inability| {
            invalid(match inability {
                Inability::Language => {
                    "`language`: the caption model knows English only; for other languages the operator needs \
                     another one (`hearken model fetch base`, then `hearken model use base-q8_0`)."
                }
                Inability::Translation => "`translate`: the caption model can't translate.",
            })
        })
    }
}

fn speech(fields: &mut Map<String, Value>) -> Result<GroupSpeech, ApiError> {
    let usual = GroupSpeech::default();
    let language = match take(fields, "language") {
        None => usual.language,
        Some(value) => value.as_str().and_then(SpokenLanguage::parse).ok_or_else(|| {
            invalid("`language` must be the code of a language, like \"de\", or \"detect\".")
        })?,
    };
    let writing = if flag(fields, "translate", false)? {
        Writing::InEnglish
    } else {
        Writing::AsSpoken
    };
    if writing == Writing::InEnglish && language == usual.language {
        return Err(invalid(
            "`translate` is into English: it needs a `language` that is another.",
        ));
    }
    Ok(GroupSpeech {
        language,
        writing,
        vocabulary: vocabulary(fields)?,
    })
}

fn vocabulary(fields: &mut Map<String, Value>) -> Result<Sensitive<Vec<String>>, ApiError> {
    let rule = |error: VocabularyError| invalid(format!("`vocabulary` must be {error}."));
    let terms = match take(fields, "vocabulary") {
        None => Vec::new(),
        Some(Value::Array(terms)) => terms,
        Some(_) => return Err(rule(VocabularyError)),
    };
    let terms: Option<Vec<&str>> = terms.iter().map(Value::as_str).collect();
    let terms = terms.ok_or_else(|| rule(VocabularyError))?;
    parse_vocabulary(terms).map_err(rule)
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
    const VOCABULARY_TERMS_MAX: usize = hearken_protocol::VOCABULARY_TERMS_MAX;

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
    fn a_group_can_say_how_it_speaks_within_limits() {
        let body =
            br#"{"name":"x","language":"de","translate":true,"vocabulary":[" Sertralin ","Anneliese"]}"#;
        let plan = SessionPlan::parse(body, NOW).unwrap();
        assert_eq!(plan.speech.language.as_str(), "de");
        assert_eq!(plan.speech.writing, Writing::InEnglish);
        assert_eq!(*plan.speech.vocabulary, ["Sertralin", "Anneliese"]);
        let many = format!(
            r#"{{"name":"x","vocabulary":[{}"y"]}}"#,
            r#""x","#.repeat(VOCABULARY_TERMS_MAX)
        );
        assert!(refusal(&many).contains("`vocabulary`"));
        let long = format!(r#"{{"name":"x","vocabulary":["{}"]}}"#, "é".repeat(41));
        assert!(refusal(&long).contains("`vocabulary`"));
        let wide = format!(
            r#"{{"name":"x","vocabulary":[{}"y"]}}"#,
            format!("\"{}\",", "x".repeat(40)).repeat(10)
        );
        assert!(refusal(&wide).contains("400"));
    }

    #[test]
    fn what_the_model_can_not_do_is_refused_with_the_way_out() {
        let plan = |body: &str| SessionPlan::parse(body.as_bytes(), NOW).unwrap();
        let german = plan(r#"{"name":"x","language":"de"}"#);
        let refusal = format!("{:?}", german.check_model(CaptionAbilities::English).unwrap_err());
        assert!(
            refusal.contains("`language`") && refusal.contains("model fetch base"),
            "{refusal}"
        );
        assert!(german.check_model(CaptionAbilities::Languages).is_ok());
        let translated = plan(r#"{"name":"x","language":"detect","translate":true}"#);
        let refusal = format!(
            "{:?}",
            translated.check_model(CaptionAbilities::Languages).unwrap_err()
        );
        assert!(refusal.contains("`translate`"), "{refusal}");
        // Nobody listens: it does not matter.
        let silent = plan(r#"{"name":"x","language":"de","captions":false}"#);
        assert!(silent.check_model(CaptionAbilities::English).is_ok());
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
            (r#"{"name":"x","language":"xx"}"#, "`language`"),
            (r#"{"name":"x","language":7}"#, "`language`"),
            (r#"{"name":"x","translate":true}"#, "`translate`"),
            (r#"{"name":"x","vocabulary":"Ann"}"#, "`vocabulary`"),
            (r#"{"name":"x","vocabulary":["a\nb"]}"#, "`vocabulary`"),
            (r#"{"name":"x","vocabulary":["Ann",""]}"#, "`vocabulary`"),
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
