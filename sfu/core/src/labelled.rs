//! Reasons, each with the value of the metric's label that it is counted under.

/// Declares an enum with the label of each of its variants. There is none without, and `ALL` has every one.
macro_rules! labelled {
    (
        $(#[$about:meta])*
        pub enum $reasons:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $reasons {
            $($(#[$doc])* $variant,)*
        }

        impl $reasons {
            /// All of them, in the order of their declaration.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$variant),*];

            /// The value of a metric's label.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

pub(crate) use labelled;
