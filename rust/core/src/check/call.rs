//! Calls: which function it is, with how many arguments, and the one that takes a pattern.

use super::tree::{Expr, ExprKind};
use super::{Checker, fold};
use crate::bytecode::{Constant, Function};
use crate::error::Code;
use crate::limits;
use crate::pattern::Pattern;
use crate::span::Span;
use crate::suggest::nearest;
use crate::syntax::ast::{self, Literal};
use crate::syntax::literal;

/// The one function that takes a part of the program rather than values only.
const MATCHES: &str = "matches";

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        name: &ast::Name,
        arguments: &[ast::Argument],
        span: Span,
    ) -> Option<Expr> {
        // The arguments may be wrong besides, whatever the function is.
        let checked: Vec<Option<Expr>> = arguments
            .iter()
            .map(|argument| match argument.value.kind {
                // Told as what it is not: a pattern.
                ast::ExprKind::List(_) if name.text == MATCHES => None,
                _ => self.expression(&argument.value),
            })
            .collect();
        let at = name.span.start;
        if name.text == MATCHES {
            self.check_arguments(MATCHES, (2, 2), arguments, span)?;
            let [_, pattern] = arguments else { return None };
            let pattern = self.pattern(&pattern.value);
            let text = checked.into_iter().next().flatten()?;
            return Some(Expr {
                kind: ExprKind::Matches(Box::new(text), pattern?),
                at,
            });
        }
        let function = self.function(name, span)?;
        self.check_arguments(function.as_str(), function.arity(), arguments, span)?;
        let checked: Option<Vec<Expr>> = checked.into_iter().collect();
        let checked = checked?;
        if let (Function::Stack, [count]) = (function, checked.as_slice()) {
            self.check_frames(count, arguments[0].value.span)?;
        }
        Some(Expr {
            kind: fold::call(function, checked),
            at,
        })
    }

    /// Checks the number of arguments, and that none has a name.
    fn check_arguments(
        &mut self,
        function: &str,
        (least, most): (u8, u8),
        arguments: &[ast::Argument],
        span: Span,
    ) -> Option<()> {
        let named = arguments.iter().find_map(|argument| argument.name.as_ref());
        if let Some(named) = named {
            let message = format!("`{function}` takes no named arguments");
            self.reporter
                .error(Code::WrongArguments, named.span, message);
            return None;
        }
        let count = arguments.len();
        if count < usize::from(least) || count > usize::from(most) {
            let message = format!("`{function}` takes {}, not {count}", arity(least, most));
            self.reporter.error(Code::WrongArguments, span, message);
            return None;
        }
        Some(())
    }

    /// The pattern of `matches`: a literal that is a regular expression.
    fn pattern(&mut self, argument: &ast::Expr) -> Option<String> {
        let pattern = match &argument.kind {
            ast::ExprKind::Literal(Literal::Str(pattern)) => pattern,
            ast::ExprKind::Wrong => return None,
            _ => {
                self.reporter.error_with_help(
                    Code::PatternNotLiteral,
                    argument.span,
                    "the pattern of `matches` is a string that is written out",
                    "it is compiled with the probe; `==`, `in` and `startswith` compare with values of the call",
                );
                return None;
            }
        };
        if self.patterns.contains(pattern) {
            return Some(pattern.clone());
        }
        if self.patterns.len() == limits::PATTERNS {
            let message = format!(
                "a program has at most {} different patterns; this is one more",
                limits::PATTERNS
            );
            let help = "join patterns with `|`, or split the file in two";
            self.reporter
                .error_with_help(Code::TooManyPatterns, argument.span, message, help);
            return None;
        }
        if let Err(bad) = Pattern::new(pattern) {
            let literal_text = self.source.get(argument.span.range()).unwrap_or("''");
            let range = literal::written(literal_text, &bad.range);
            let start = argument.span.start as usize;
            let span = Span::new(&(start + range.start..start + range.end));
            match bad.help {
                Some(help) => {
                    self.reporter
                        .error_with_help(Code::BadPattern, span, bad.message, help);
                }
                None => self.reporter.error(Code::BadPattern, span, bad.message),
            }
            return None;
        }
        self.patterns.insert(pattern.clone());
        Some(pattern.clone())
    }

    /// Checks how many frames `stack` is asked for, where that is known.
    fn check_frames(&mut self, count: &Expr, span: Span) -> Option<()> {
        let known = match &count.kind {
            ExprKind::Constant(Constant::Int(count)) => u8::try_from(*count).ok(),
            ExprKind::Constant(_) => None,
            _ => return Some(()),
        };
        if known.is_some_and(|count| (1..=limits::FRAMES).contains(&count)) {
            return Some(());
        }
        let message = format!("`stack` takes an integer from 1 to {}", limits::FRAMES);
        let help = format!("`stack()` gives {} frames", limits::FRAMES_UNASKED);
        self.reporter
            .error_with_help(Code::WrongArguments, span, message, help);
        None
    }

    fn function(&mut self, name: &ast::Name, span: Span) -> Option<Function> {
        let text = name.text.as_str();
        let function = Function::from_name(text);
        if function.is_some() {
            return function;
        }
        if matches!(text, "capture" | "send") {
            self.reporter.error_with_help(
                Code::ActionInExpression,
                span,
                format!("`{text}` is a statement and has no value"),
                format!("write it alone: `{text}(…);`"),
            );
        } else {
            let functions = Function::ALL.iter().map(|function| function.as_str());
            let known: Vec<&str> = functions.chain([MATCHES]).collect();
            let help = match (advice(text), nearest(text, known.iter().copied())) {
                (Some(advice), _) => advice.to_owned(),
                (None, Some(known)) => format!("did you mean `{known}`?"),
                (None, None) => format!("the functions are {}", known.join(", ")),
            };
            self.reporter.error_with_help(
                Code::UnknownFunction,
                name.span,
                format!("there is no function `{text}`"),
                help,
            );
        }
        None
    }
}

/// How many arguments a function takes, in words.
fn arity(least: u8, most: u8) -> String {
    let noun = |count| if count == 1 { "argument" } else { "arguments" };
    match (least, most) {
        (0, 0) => "no arguments".to_owned(),
        (_, u8::MAX) => format!("at least {least} {}", noun(least)),
        _ if least == most => format!("{least} {}", noun(least)),
        _ => format!("{least} or {most} arguments"),
    }
}

/// How HogTrace says what a function of Python does.
fn advice(name: &str) -> Option<&'static str> {
    Some(match name {
        "getattr" | "hasattr" | "vars" => "an attribute is read by `object.name`",
        "isinstance" | "issubclass" => "compare the type's name: `type(x) == \"Name\"`",
        "print" | "log" | "printf" | "trace" => "`capture(…);` records values",
        "length" | "lenght" | "size" | "count" | "strlen" => "did you mean `len`?",
        "time" | "now" => "did you mean `timestamp`?",
        "random" => "did you mean `rand`?",
        "typeof" => "did you mean `type`?",
        "any" | "all" | "sum" | "sorted" | "reversed" | "filter" | "map" | "zip" | "range"
        | "enumerate" | "next" | "iter" | "set" | "dict" | "list" | "tuple" | "join" => {
            "a field takes the whole container, `capture(args);`; what is made of it is made of the events"
        }
        "upper" | "strip" | "split" | "replace" => {
            "the functions for strings are `lower`, `startswith`, `endswith`, `len`"
        }
        "repr" | "format" => "did you mean `str`?",
        "match" | "fullmatch" | "search" | "regex" => "did you mean `matches`?",
        "traceback" | "backtrace" | "frames" | "ustack" => "did you mean `stack`?",
        "eval" | "exec" | "compile" => "a probe runs no code of Python",
        _ => return None,
    })
}
