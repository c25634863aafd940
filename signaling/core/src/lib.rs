//! Who may do what, when: one session as a pure state machine.
