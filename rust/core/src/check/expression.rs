//! Expressions: what each name stands for, and whether it may stand there.

use super::tree::{Expr, ExprKind, Link, Read, Test};
use super::{Checker, fold};
use crate::bytecode::{BinaryOp, CompareOp, Constant, Function, Point, Singleton};
use crate::error::Code;
use crate::limits;
use crate::pattern::Pattern;
use crate::span::Span;
use crate::suggest::nearest;
use crate::syntax::ast::{self, Comparison, Literal};
use crate::syntax::literal;

/// The one function that takes a part of the program rather than values only.
const MATCHES: &str = "matches";

impl Checker<'_> {
    pub(super) fn expression(&mut self, expression: &ast::Expr) -> Option<Expr> {
        let span = expression.span;
        let at = |kind, place: Span| {
            Some(Expr {
                kind,
                at: place.start,
            })
        };
        match &expression.kind {
            ast::ExprKind::Literal(literal) => at(ExprKind::Constant(constant(literal)), span),
            ast::ExprKind::Name(name) => at(ExprKind::Read(self.name(name, span)?), span),
            ast::ExprKind::Variable(scope, name) => {
                let readable = self.refuse_dunder(&name.text, name.span);
                readable.then(|| at(ExprKind::Variable(*scope, name.text.clone()), span))?
            }
            ast::ExprKind::Attribute(object, name) => {
                let object = self.expression(object);
                let readable = self.refuse_dunder(&name.text, name.span);
                let kind = ExprKind::Attribute(Box::new(object?), name.text.clone());
                readable.then(|| at(kind, name.span))?
            }
            ast::ExprKind::Item(object, key, brackets) => {
                let (object, key) = (self.expression(object), self.expression(key));
                at(ExprKind::Item(Box::new(object?), Box::new(key?)), *brackets)
            }
            ast::ExprKind::Slice(object, start, stop, brackets) => {
                let object = self.expression(object);
                let start = self.bound(start.as_deref(), *brackets);
                let stop = self.bound(stop.as_deref(), *brackets);
                let kind = ExprKind::Slice(Box::new(object?), Box::new(start?), Box::new(stop?));
                at(kind, *brackets)
            }
            ast::ExprKind::Unary(op, operand) => {
                at(fold::unary(*op, self.expression(operand)?), span)
            }
            ast::ExprKind::Not(operand) => at(fold::not(self.expression(operand)?), span),
            ast::ExprKind::Binary(op, operator, left, right) => {
                let formats = *op == BinaryOp::Modulo
                    && matches!(left.kind, ast::ExprKind::Literal(Literal::Str(_)));
                if formats {
                    self.reporter.error_with_help(
                        Code::StringModulo,
                        *operator,
                        "`%` does not format strings",
                        "capture the values as fields of their own",
                    );
                }
                let (left, right) = (self.expression(left), self.expression(right));
                let kind = fold::binary(*op, left?, right?);
                (!formats).then(|| at(kind, *operator))?
            }
            ast::ExprKind::Compare(left, chain) => self.comparison(left, chain),
            ast::ExprKind::Logic(logic, operands) => {
                let checked: Vec<Option<Expr>> = operands
                    .iter()
                    .map(|operand| self.expression(operand))
                    .collect();
                let checked: Option<Vec<Expr>> = checked.into_iter().collect();
                at(fold::logic(*logic, checked?), span)
            }
            ast::ExprKind::Call(name, arguments) => self.call(name, arguments, span),
            ast::ExprKind::List(_) => {
                self.reporter.error_with_help(
                    Code::ListPlace,
                    span,
                    "a list literal stands only after `in` and `not in`",
                    "capture its items as fields of their own",
                );
                None
            }
            ast::ExprKind::Wrong => None,
        }
    }

    /// An end of a slice; an open one is `None`.
    fn bound(&mut self, bound: Option<&ast::Expr>, brackets: Span) -> Option<Expr> {
        match bound {
            Some(bound) => self.expression(bound),
            None => Some(Expr {
                kind: ExprKind::Constant(Constant::None),
                at: brackets.start,
            }),
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Option<Read> {
        let at_exit = match name {
            "args" => return Some(Read::Args),
            "kwargs" => return Some(Read::Kwargs),
            "self" => return Some(Read::SelfArgument),
            "locals" => return Some(Read::Locals),
            "globals" => return Some(Read::Globals),
            "retval" => Read::Retval,
            "exception" => Read::Exception,
            "duration" => Read::Duration,
            "true" | "false" | "null" | "none" | "TRUE" | "FALSE" | "NULL" | "nil" => {
                let python = match name {
                    "true" | "TRUE" => "True",
                    "false" | "FALSE" => "False",
                    _ => "None",
                };
                self.reporter.error_with_help(
                    Code::ForeignSyntax,
                    span,
                    format!("`{name}` is written `{python}`"),
                    format!("a variable of that name is `locals[\"{name}\"]`"),
                );
                return None;
            }
            _ => return self.other_name(name, span),
        };
        if self.point == Point::Exit {
            return Some(at_exit);
        }
        self.reporter.error_with_help(
            Code::NotAtThisPoint,
            span,
            format!("`{name}` has no value at `{}`", self.point),
            format!("`{name}` exists at `exit` only; a local variable of that name is `locals[\"{name}\"]`"),
        );
        None
    }

    /// A name that is not in the table: `arg0` and its like, or a bare name.
    fn other_name(&mut self, name: &str, span: Span) -> Option<Read> {
        if let Some(digits) = argument_number(name) {
            if let Ok(number) = digits.parse() {
                return Some(Read::Arg(number));
            }
            self.reporter.error_with_help(
                Code::ArgumentNumber,
                span,
                format!("arguments are numbered from 0 to {}", u16::MAX),
                format!("a local variable of that name is `locals[\"{name}\"]`"),
            );
            return None;
        }
        self.refuse_dunder(name, span)
            .then(|| Read::Name(name.to_owned()))
    }

    fn comparison(&mut self, left: &ast::Expr, chain: &[Comparison]) -> Option<Expr> {
        // `None == x` alone is `x == None`.
        if let (ast::ExprKind::Literal(Literal::None), [only]) = (&left.kind, chain)
            && matches!(
                only.test,
                ast::Test::Compare(CompareOp::Equal | CompareOp::NotEqual)
            )
        {
            let swapped = Comparison {
                right: left.clone(),
                ..*only
            };
            return self.links(&only.right, &[swapped]);
        }
        self.links(left, chain)
    }

    fn links(&mut self, left: &ast::Expr, chain: &[Comparison]) -> Option<Expr> {
        let mut links = Vec::with_capacity(chain.len());
        let mut before = left;
        for comparison in chain {
            links.push(self.link(before, comparison));
            before = &comparison.right;
        }
        let left = self.expression(left)?;
        let links: Option<Vec<Link>> = links.into_iter().collect();
        let at = chain.first().map_or(left.at, |first| first.span.start);
        Some(Expr {
            kind: fold::comparison(left, links?),
            at,
        })
    }

    /// One step of a comparison chain, whose left operand is `left`.
    fn link(&mut self, left: &ast::Expr, comparison: &Comparison) -> Option<Link> {
        let Comparison { test, span, right } = comparison;
        let right_is_none = matches!(right.kind, ast::ExprKind::Literal(Literal::None));
        let left_is_none = matches!(left.kind, ast::ExprKind::Literal(Literal::None));
        let test = match test {
            ast::Test::Is | ast::Test::IsNot => {
                let negated = *test == ast::Test::IsNot;
                Test::LeftIs(self.singleton(right, negated)?, negated)
            }
            ast::Test::Compare(op @ (CompareOp::Equal | CompareOp::NotEqual))
                if right_is_none || left_is_none =>
            {
                let negated = *op == CompareOp::NotEqual;
                if right_is_none {
                    Test::LeftIs(Singleton::None, negated)
                } else {
                    Test::RightIsNone(negated)
                }
            }
            ast::Test::Compare(op) => Test::Compare(*op),
        };
        if matches!(&right.kind, ast::ExprKind::Name(name) if name == "undefined") {
            self.reporter.error_with_help(
                Code::ForeignSyntax,
                right.span,
                "`undefined` is written `None`",
                "a variable of that name is `locals[\"undefined\"]`",
            );
            return None;
        }
        let is_membership = matches!(test, Test::Compare(CompareOp::In | CompareOp::NotIn));
        let right = match &right.kind {
            ast::ExprKind::List(items) if is_membership => Expr {
                kind: ExprKind::Constant(self.list(items, right.span)?),
                at: right.span.start,
            },
            _ => self.expression(right)?,
        };
        Some(Link {
            test,
            at: span.start,
            right,
        })
    }

    /// The singleton that `is` names.
    fn singleton(&mut self, right: &ast::Expr, negated: bool) -> Option<Singleton> {
        match right.kind {
            ast::ExprKind::Literal(Literal::None) => Some(Singleton::None),
            ast::ExprKind::Literal(Literal::Bool(true)) => Some(Singleton::True),
            ast::ExprKind::Literal(Literal::Bool(false)) => Some(Singleton::False),
            _ => {
                let (word, equals) = if negated {
                    ("is not", "!=")
                } else {
                    ("is", "==")
                };
                self.expression(right)?;
                self.reporter.error_with_help(
                    Code::IsOperand,
                    right.span,
                    format!("`{word}` takes `None`, `True` or `False` on its right"),
                    format!("values are compared with `{equals}`"),
                );
                None
            }
        }
    }

    /// A list of literals.
    fn list(&mut self, items: &[ast::Expr], span: Span) -> Option<Constant> {
        if items.len() > limits::LIST_ITEMS {
            let message = format!("a list literal has at most {} items", limits::LIST_ITEMS);
            self.reporter.error(Code::LiteralTooLarge, span, message);
            return None;
        }
        let mut constants = Vec::with_capacity(items.len());
        for item in items {
            let signed = match &item.kind {
                ast::ExprKind::Unary(_, operand) => &operand.kind,
                kind => kind,
            };
            let is_literal = matches!(signed, ast::ExprKind::Literal(_));
            if !is_literal && !matches!(item.kind, ast::ExprKind::Wrong) {
                self.reporter.error_with_help(
                    Code::ListItem,
                    item.span,
                    "a list literal holds literals only",
                    "compare with this value by `==`, and join with `or`",
                );
            }
            if is_literal && let Some(checked) = self.expression(item) {
                match checked.kind {
                    ExprKind::Constant(constant) => constants.push(constant),
                    _ => self.reporter.error(
                        Code::ListItem,
                        item.span,
                        "a sign stands before a number only",
                    ),
                }
            }
        }
        (constants.len() == items.len()).then_some(Constant::List(constants))
    }

    fn call(&mut self, name: &ast::Name, arguments: &[ast::Argument], span: Span) -> Option<Expr> {
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

/// The digits of `arg0`, `arg12`; other names are bare names.
fn argument_number(name: &str) -> Option<&str> {
    let digits = name.strip_prefix("arg")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (digits == "0" || !digits.starts_with('0'))).then_some(digits)
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

fn constant(literal: &Literal) -> Constant {
    match literal {
        Literal::None => Constant::None,
        Literal::Bool(value) => Constant::Bool(*value),
        Literal::Int(value) => Constant::Int(*value),
        Literal::BigInt(digits) => Constant::BigInt(digits.clone()),
        Literal::Float(value) => Constant::Float(*value),
        Literal::Str(text) => Constant::Str(text.clone()),
    }
}
