//! The HTTP API for operators: make, look at and end sessions.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use hearken_protocol::{EndReason, ErrorCode, GroupId, Role, Sensitive, SessionId, Timestamp, Writing};
use hearken_signaling_core::SessionSettings;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;

use super::Api;
use super::create::SessionPlan;
use super::error::ApiError;
use crate::clock;
use crate::live::{Mail, Saved, StartError};
use crate::operator::Refusal;
use crate::store::StoredSession;

/// What a new session's maker gets.
#[derive(Debug, Serialize)]
pub(super) struct Created {
    session_id: SessionId,
    facilitator_url: Sensitive<String>,
    member_url: Sensitive<String>,
    captioner_url: Sensitive<String>,
}

/// What an operator may know of a session.
#[derive(Debug, Serialize)]
pub(super) struct SessionView {
    session_id: SessionId,
    group_id: GroupId,
    name: Sensitive<String>,
    starts_at: String,
    ends_at: String,
    capacity: u32,
    waiting_room: bool,
    captions: bool,
    transcript: bool,
    language: &'static str,
    translate: bool,
    vocabulary: Sensitive<Vec<String>>,
    locked: bool,
    microphones_locked: bool,
    state: SessionState,
    /// Why it is over, if it is.
    end_reason: Option<EndReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SessionState {
    Scheduled,
    Open,
    Ended,
}

/// `POST /api/v1/sessions`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    authorize(&api, &headers).await?;
    if !is_json(&headers) {
        return Err(ApiError::unsupported_media_type());
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::TooLarge, "The body is larger than 16 KB."),
        _ => ApiError::new(ErrorCode::Malformed, "The body could not be read."),
    })?;
    let now = clock::now();
    let plan = SessionPlan::parse(&body, now)?;
    if let Some(model) = api.live.caption_model() {
        plan.check_model(model)?;
    }
    let settings = SessionSettings {
        session: SessionId(rand::random()),
        name: plan.name,
        starts_at: plan.starts_at,
        ends_at: plan.ends_at,
        capacity: plan.capacity,
        waiting_room: plan.waiting_room,
        captions: plan.captions,
        transcript: plan.transcript,
        speech: plan.speech,
    };
    let link = |role| {
        api.links
            .link(&settings, role, FIRST_GENERATION)
            .map_err(|error| {
                tracing::error!(%error, "no links for a new session");
                ApiError::new(ErrorCode::Internal, "The links could not be made.")
            })
    };
    let created = Created {
        session_id: settings.session,
        facilitator_url: link(Role::Facilitator)?,
        member_url: link(Role::Member)?,
        captioner_url: link(Role::Captioner)?,
    };
    api.store
        .create_session(GroupId(rand::random()), &settings, now)
        .await?;
    tracing::info!(session = %settings.session, "a session was created");
    Ok((StatusCode::CREATED, Json(created)))
}

/// The making of the links of a session nobody has renewed them for.
const FIRST_GENERATION: u32 = 1;

/// `GET /api/v1/sessions/{id}`
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<SessionView>, ApiError> {
    authorize(&api, &headers).await?;
    let stored = api.store.session(parse_id(&id)?).await?.ok_or_else(not_found)?;
    Ok(Json(view(stored, clock::now())))
}

/// `DELETE /api/v1/sessions/{id}`: ends it for everyone. One that is over stays so.
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    authorize(&api, &headers).await?;
    let mailbox = match api.live.find_or_start(parse_id(&id)?).await {
        Ok(mailbox) => mailbox,
        Err(StartError::Ended) => return Ok(StatusCode::NO_CONTENT),
        Err(StartError::NotFound) => return Err(not_found()),
        Err(StartError::Overloaded) => {
            return Err(ApiError::new(
                ErrorCode::Overloaded,
                "The server can carry no more sessions.",
            ));
        }
        Err(StartError::Store(error)) => return Err(error.into()),
    };
    let (done, outcome) = oneshot::channel();
    // If the session ends by itself meanwhile, nothing is left to do.
    let _ = mailbox.send(Mail::EndByOperator { done }).await;
    match outcome.await {
        Ok(Saved::Yes) | Err(_) => Ok(StatusCode::NO_CONTENT),
        Ok(Saved::NotYet) => Err(ApiError::new(
            ErrorCode::StoreUnavailable,
            "The session has ended for everyone, but this could not be saved yet. Try again.",
        )),
    }
}

async fn authorize(api: &Api, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    api.gate.check(given).await.map_err(|refusal| match refusal {
        Refusal::Wrong => ApiError::new(ErrorCode::Unauthorized, "The operator key is missing or wrong."),
        Refusal::Busy => ApiError::new(
            ErrorCode::TooManyMessages,
            "Too many wrong operator keys were tried; wait a moment.",
        ),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// A text that is no id is the id of no session.
fn parse_id(text: &str) -> Result<SessionId, ApiError> {
    text.parse().map_err(|_| not_found())
}

fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is no such session.")
}

fn view(stored: StoredSession, now: Timestamp) -> SessionView {
    let record = stored.record;
    let settings = record.settings;
    let end_reason = record
        .ended
        .or((settings.ends_at <= now).then_some(EndReason::Time));
    let state = match end_reason {
        Some(_) => SessionState::Ended,
        None if settings.starts_at > now => SessionState::Scheduled,
        None => SessionState::Open,
    };
    SessionView {
        session_id: settings.session,
        group_id: stored.group,
        name: settings.name,
        starts_at: rfc3339(settings.starts_at),
        ends_at: rfc3339(settings.ends_at),
        capacity: settings.capacity,
        waiting_room: settings.waiting_room,
        captions: settings.captions,
        transcript: settings.transcript,
        language: settings.speech.language.as_str(),
        translate: settings.speech.writing == Writing::InEnglish,
        vocabulary: settings.speech.vocabulary,
        locked: record.session_locked,
        microphones_locked: record.microphones_locked,
        state,
        end_reason,
    }
}

/// Whole seconds where the time has no more to say. A time beyond the calendar reads as the year 1970.
fn rfc3339(time: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000);
    moment
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}
