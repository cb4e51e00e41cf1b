//! Where the values of captured fields and of variables come from, followed through the code by the verifier.
//!
//! Each value on the abstract stack is a node over the nodes that it was made of. Only when a value is captured or
//! stored are its nodes walked, so that the work stays in proportion to the code.

use crate::bytecode::{Function, Scope};

/// What one captured or stored value was read through. Each list is sorted and names a thing once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Attributes, variables and bare names, as indices into the program's names.
    pub names: Vec<u16>,
    /// String constants used as keys, as indices into the program's constants.
    pub keys: Vec<u16>,
    /// Inputs of the probe.
    pub inputs: Vec<u16>,
    /// Variables, with their indices into the program's names, which `names` has too.
    pub variables: Vec<(Scope, u16)>,
    /// Whether an item was read by a key that is known only when the probe runs.
    pub computed_key: bool,
    /// Whether it is a part of a value, or was computed from one: an attribute, an item, a slice, a result.
    pub derived: bool,
}

/// A variable that a probe sets, and what all values that it sets it to were read through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Where the variable lives.
    pub scope: Scope,
    /// Its name, as an index into the program's names.
    pub name: u16,
    /// What its values were read through.
    pub flow: Flow,
}

impl Flow {
    /// Takes in what another value was read through; `settle` has to follow.
    pub(super) fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.keys.extend(other.keys);
        self.inputs.extend(other.inputs);
        self.variables.extend(other.variables);
        self.computed_key |= other.computed_key;
        self.derived |= other.derived;
    }

    /// Sorts the lists and takes out what they name twice.
    pub(super) fn settle(&mut self) {
        for list in [&mut self.names, &mut self.keys, &mut self.inputs] {
            list.sort_unstable();
            list.dedup();
        }
        self.variables
            .sort_unstable_by_key(|&(scope, name)| (scope.code(), name));
        self.variables.dedup();
    }
}

/// A value on the abstract stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin(usize);

/// What a node adds to what it was made of.
#[derive(Clone, Copy, Debug)]
enum Node {
    /// Nothing, and made of nothing.
    Nothing,
    /// A constant that is no string.
    Constant,
    /// An attribute, read from a value.
    Attribute(u16, Origin),
    /// A variable.
    Variable(Scope, u16),
    /// An input of the probe, and the name that it has in the program's names.
    Input(u16, Option<u16>),
    /// A string constant, which matters where it is used as a key.
    Text(u16),
    /// One of two values.
    Either(Origin, Origin),
    /// Computed from two values.
    Made(Origin, Origin),
    /// An item of the first value, by the second as its key.
    Item(Origin, Origin),
}

/// The nodes of one probe.
#[derive(Debug)]
pub(super) struct Origins {
    nodes: Vec<Node>,
}

impl Origins {
    /// The origin of what was read through nothing.
    pub(super) const NOTHING: Origin = Origin(0);
    /// The origin of a constant that is no string.
    pub(super) const CONSTANT: Origin = Origin(1);

    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::Nothing, Node::Constant],
        }
    }

    fn add(&mut self, node: Node) -> Origin {
        self.nodes.push(node);
        Origin(self.nodes.len() - 1)
    }

    pub(super) fn attribute(&mut self, name: u16, of: Origin) -> Origin {
        self.add(Node::Attribute(name, of))
    }

    pub(super) fn variable(&mut self, scope: Scope, name: u16) -> Origin {
        self.add(Node::Variable(scope, name))
    }

    pub(super) fn input(&mut self, slot: u16, name: Option<u16>) -> Origin {
        self.add(Node::Input(slot, name))
    }

    pub(super) fn text(&mut self, constant: u16) -> Origin {
        self.add(Node::Text(constant))
    }

    pub(super) fn item(&mut self, object: Origin, key: Origin) -> Origin {
        self.add(Node::Item(object, key))
    }

    /// The origin of what may be either of two values.
    pub(super) fn either(&mut self, a: Origin, b: Origin) -> Origin {
        if a == b {
            a
        } else {
            self.add(Node::Either(a, b))
        }
    }

    /// The origin of what was computed from two values.
    pub(super) fn made(&mut self, a: Origin, b: Origin) -> Origin {
        let is_empty = |origin| origin == Self::NOTHING || origin == Self::CONSTANT;
        if is_empty(a) && is_empty(b) {
            Self::NOTHING
        } else {
            self.add(Node::Made(a, b))
        }
    }

    /// The origin of what a function of the language makes of its arguments.
    pub(super) fn call(&mut self, function: Function, arguments: &[Origin]) -> Origin {
        match function {
            Function::Str
            | Function::Int
            | Function::Float
            | Function::Lower
            | Function::Abs
            | Function::Min
            | Function::Max
            | Function::Round => arguments
                .iter()
                .fold(Self::NOTHING, |all, &argument| self.made(all, argument)),
            // These tell of a value without repeating any of it.
            Function::Timestamp
            | Function::Rand
            | Function::Len
            | Function::Bool
            | Function::Type
            | Function::Stack
            | Function::StartsWith
            | Function::EndsWith => Self::NOTHING,
        }
    }

    /// Collects what `origin` was read through; `None` when that takes more than the steps that are left.
    pub(super) fn flow(&self, origin: Origin, steps: &mut usize) -> Option<Flow> {
        let mut flow = Flow::default();
        // What most fields and stores of a long program are.
        if matches!(
            self.nodes[origin.0],
            Node::Nothing | Node::Constant | Node::Text(_)
        ) {
            return Some(flow);
        }
        let mut seen = rustc_hash::FxHashSet::default();
        // Each node with whether it is reached as a key, or as a part of one.
        let mut open = vec![(origin, false)];
        while let Some((origin, is_key)) = open.pop() {
            if !seen.insert((origin, is_key)) {
                continue;
            }
            *steps = steps.checked_sub(1)?;
            match self.nodes[origin.0] {
                Node::Nothing | Node::Constant => {}
                Node::Attribute(name, of) => {
                    flow.derived = true;
                    flow.names.push(name);
                    open.push((of, is_key));
                }
                Node::Variable(scope, name) => {
                    flow.variables.push((scope, name));
                    flow.names.push(name);
                }
                Node::Input(slot, name) => {
                    flow.inputs.push(slot);
                    flow.names.extend(name);
                }
                Node::Text(constant) => flow.keys.extend(is_key.then_some(constant)),
                Node::Either(a, b) => open.extend([(a, is_key), (b, is_key)]),
                Node::Made(a, b) => {
                    flow.derived = true;
                    open.extend([(a, is_key), (b, is_key)]);
                }
                Node::Item(object, key) => {
                    flow.derived = true;
                    // What is neither a string of the program nor another constant of it may become any string.
                    flow.computed_key |=
                        !matches!(self.nodes[key.0], Node::Text(_) | Node::Constant);
                    open.extend([(object, is_key), (key, true)]);
                }
            }
        }
        flow.settle();
        Some(flow)
    }
}
