//! What each role may do: the only place that knows.

use hearken_protocol::{Permission, Role};

/// What a role may do.
pub fn permissions(role: Role) -> &'static [Permission] {
    match role {
        Role::Facilitator => &[
            Permission::EnterFreely,
            Permission::ManageWaitingRoom,
            Permission::ManageMedia,
            Permission::SpeakAlways,
            Permission::ManageHands,
            Permission::RemoveParticipants,
            Permission::ManageSession,
            Permission::ShareScreen,
        ],
        Role::Member => &[Permission::ShareScreen],
        Role::Captioner => &[Permission::CaptionOthers],
    }
}

/// Whether a role may do something.
pub fn role_has(role: Role, permission: Permission) -> bool {
    permissions(role).contains(&permission)
}
