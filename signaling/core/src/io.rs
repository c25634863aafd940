//! What goes into a session and what comes out of it.
//!
//! ```text
//!  browser ─ hello, verified ─► Connect ┐                  ┌► Persist   one transaction, before all the rest
//!  browser ─ message ─────────► Message │                  ├► Welcome, Admitted, MemberLink, Send, Close
//!  media plane ───────────────► Media   ├─► Session::handle┤
//!  caption worker ────────────► Captions│                  └► Media     to the media plane, in order
//!  timer ─────────────────────► Time    ┘
//! ```

use hearken_protocol::{
    CaptionNews, ClientMessage, MediaCommand, MediaEvent, ParticipantId, Role, Sensitive, ServerMessage,
    Snapshot, Viewing, Welcome,
};

use crate::Change;

/// One WebSocket connection, numbered by the shell; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Everything that can happen to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Somebody said `hello` with a link the shell has verified. Before it a connection is the shell's alone.
    Connect(Connect),
    /// A caption page said `hello` with a link of its own that the shell has verified.
    View(View),
    /// A connection is gone, for whatever reason. Does nothing for one that the session has closed itself.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// A message, parsed, on a connection that was welcomed. Does nothing on any other.
    Message {
        /// Which connection.
        connection: ConnectionId,
        /// The number that an error about it carries.
        request: Option<u32>,
        /// The message.
        message: ClientMessage,
    },
    /// News from the media plane. Does nothing if it is of another session.
    Media(MediaEvent),
    /// News from the caption worker. Does nothing if it is of another session.
    Captions(CaptionNews),
    /// The time that [`crate::Session::next_deadline`] named has come. Harmless at any other time.
    Time,
    /// The operator deletes the session.
    EndByOperator,
}

/// A `hello` whose version and tokens the shell has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// The connection it came over.
    pub connection: ConnectionId,
    /// The number that an error about it carries.
    pub request: Option<u32>,
    /// From the link: what its holder is.
    pub role: Role,
    /// From a member's link: which making of it. An older one than the current lets nobody new in. Of no
    /// account for facilitators.
    pub link_generation: u32,
    /// Which seat.
    pub seat: SeatClaim,
    /// The name wished for, as it came.
    pub name: Sensitive<String>,
    /// Whether the guidelines were accepted.
    pub guidelines_accepted: bool,
}

/// A `hello` of a caption page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The connection it came over.
    pub connection: ConnectionId,
    /// The number that an error about it carries.
    pub request: Option<u32>,
    /// Whose page it is.
    pub seat: ParticipantId,
}

/// Which seat a newcomer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatClaim {
    /// The seat named in a resume token that the shell has verified for this session.
    pub resume: Option<ParticipantId>,
    /// Drawn at random by the shell: taken if there is no seat to resume, or one of another role.
    pub fresh: ParticipantId,
}

/// What the shell has to do, in this order.
///
/// After each [`crate::Session::handle`] the shell takes all outputs as one batch: it writes every
/// [`Output::Persist`] of it in one transaction and then carries out the rest in order. If the write fails,
/// it puts a clone of the session from before back in place, answers `StoreUnavailable` and carries nothing
/// out (cloning is cheap), except after [`Input::Time`] and [`Input::Disconnect`], which cannot be refused:
/// there it goes on, since the end of a session follows from the settings anyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Must last, and be written before anything else in the batch is done.
    Persist(Change),
    /// Sends `welcome`. Its `resume` is empty: the shell fills in a token that it signs for
    /// `welcome.participant` in this session.
    Welcome {
        /// To whom.
        connection: ConnectionId,
        /// What to send once `resume` is filled in.
        welcome: Welcome,
    },
    /// Sends `admitted`. The shell fills in `ice_servers`, and `member_link` where a generation is given.
    Admitted {
        /// To whom.
        connection: ConnectionId,
        /// What to send once these are filled in.
        snapshot: Snapshot,
        /// For whoever may see the member link: its present generation.
        link_generation: Option<u32>,
    },
    /// Sends `member_link`: a member link of this generation, signed by the shell.
    MemberLink {
        /// To whom.
        connection: ConnectionId,
        /// Which making of the link.
        generation: u32,
    },
    /// Sends `caption_link`: a link that the shell signs for this seat.
    CaptionLink {
        /// To whom.
        connection: ConnectionId,
        /// Whose captions.
        participant: ParticipantId,
    },
    /// Sends `viewing`: a caption page is open.
    Viewing {
        /// To whom.
        connection: ConnectionId,
        /// What.
        viewing: Viewing,
    },
    /// Sends a message as it stands.
    Send {
        /// To whom.
        connection: ConnectionId,
        /// What.
        message: ServerMessage,
    },
    /// Closes a connection after what was sent over it. The session has forgotten it already.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// An order to the media plane.
    Media(MediaCommand),
}
