//! What instructions name beside themselves: operators, scopes, singletons, and the functions of the language.

use std::fmt;

/// Declares an operand that is one of few: the enum, its code byte and its text, in one table.
macro_rules! operands {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$item_doc])* $item,)+
        }

        impl $name {
            /// Every one of them, in order of code.
            pub const ALL: &'static [Self] = &[$(Self::$item),+];

            /// The byte that stands for it in encoded instructions.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$item => $code,)+
                }
            }

            /// What that byte stands for, if it stands for anything.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$item),)+
                    _ => None,
                }
            }

            /// Its text in probe files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$item => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

operands! {
    /// A variable that outlives one run.
    Scope {
        /// `$req.name`
        Request = 0 "$req",
        /// `$call.name`
        Call = 1 "$call",
    }
}

operands! {
    /// An arithmetic operator with one operand.
    UnaryOp {
        /// `-a`
        Negate = 0 "-",
        /// `+a`
        Plus = 1 "+",
    }
}

operands! {
    /// An arithmetic operator with two operands.
    BinaryOp {
        /// `a + b`
        Add = 0 "+",
        /// `a - b`
        Subtract = 1 "-",
        /// `a * b`
        Multiply = 2 "*",
        /// `a / b`
        Divide = 3 "/",
        /// `a // b`
        FloorDivide = 4 "//",
        /// `a % b`
        Modulo = 5 "%",
    }
}

operands! {
    /// A comparison or membership test.
    CompareOp {
        /// `a == b`
        Equal = 0 "==",
        /// `a != b`
        NotEqual = 1 "!=",
        /// `a < b`
        Less = 2 "<",
        /// `a <= b`
        LessEqual = 3 "<=",
        /// `a > b`
        Greater = 4 ">",
        /// `a >= b`
        GreaterEqual = 5 ">=",
        /// `a in b`
        In = 6 "in",
        /// `a not in b`
        NotIn = 7 "not in",
    }
}

operands! {
    /// A singleton that `is` may name.
    Singleton {
        /// `None`
        None = 0 "None",
        /// `True`
        True = 1 "True",
        /// `False`
        False = 2 "False",
    }
}

operands! {
    /// A function of the language.
    Function {
        /// `timestamp()`: Unix time in seconds.
        Timestamp = 0 "timestamp",
        /// `rand()`: a float in [0, 1).
        Rand = 1 "rand",
        /// `len(x)`
        Len = 2 "len",
        /// `str(x)`
        Str = 3 "str",
        /// `int(x)`
        Int = 4 "int",
        /// `float(x)`
        Float = 5 "float",
        /// `bool(x)`
        Bool = 6 "bool",
        /// `type(x)`: the type's qualified name.
        Type = 7 "type",
        /// `startswith(s, p)`
        StartsWith = 8 "startswith",
        /// `endswith(s, p)`
        EndsWith = 9 "endswith",
        /// `lower(s)`
        Lower = 10 "lower",
        /// `abs(x)`
        Abs = 11 "abs",
        /// `min(a, b, …)`
        Min = 12 "min",
        /// `max(a, b, …)`
        Max = 13 "max",
        /// `round(x)`, `round(x, n)`
        Round = 14 "round",
        /// `stack()`, `stack(n)`: the innermost frames.
        Stack = 15 "stack",
    }
}

impl Function {
    /// The function of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|function| function.as_str() == name)
    }

    /// The least and the greatest number of arguments.
    #[must_use]
    pub const fn arity(self) -> (u8, u8) {
        match self {
            Self::Timestamp | Self::Rand => (0, 0),
            Self::Len
            | Self::Str
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::Type
            | Self::Lower
            | Self::Abs => (1, 1),
            Self::StartsWith | Self::EndsWith => (2, 2),
            Self::Round => (1, 2),
            Self::Stack => (0, 1),
            Self::Min | Self::Max => (2, u8::MAX),
        }
    }
}
