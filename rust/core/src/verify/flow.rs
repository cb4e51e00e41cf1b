//! Where the values of captured fields come from, followed through the code by the verifier.
//!
//! Each value on the abstract stack is a node over the nodes that it was made of. Only when a field is captured are
//! its nodes walked, so that the work stays in proportion to the code.

use crate::bytecode::Function;

/// What the value of one captured field was read through. Each list is sorted and names a thing once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Attributes, variables and bare names, as indices into the program's names.
    pub names: Vec<u16>,
    /// String constants used as keys, as indices into the program's constants.
    pub keys: Vec<u16>,
    /// Inputs of the probe.
    pub inputs: Vec<u16>,
}

/// A value on the abstract stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin(usize);

/// What a node adds to what it was made of.
#[derive(Clone, Copy, Debug)]
enum Node {
    /// Nothing, and made of nothing.
    Nothing,
    /// An attribute or a variable, read from a value.
    Name(u16, Origin),
    /// An input of the probe, and the name that it has in the program's names.
    Input(u16, Option<u16>),
    /// A string constant, which matters where it is used as a key.
    Text(u16),
    /// Made of two values.
    Both(Origin, Origin),
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

    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::Nothing],
        }
    }

    fn add(&mut self, node: Node) -> Origin {
        self.nodes.push(node);
        Origin(self.nodes.len() - 1)
    }

    pub(super) fn name(&mut self, name: u16, of: Origin) -> Origin {
        self.add(Node::Name(name, of))
    }

    pub(super) fn input(&mut self, slot: u16, name: Option<u16>) -> Origin {
        self.add(Node::Input(slot, name))
    }

    pub(super) fn text(&mut self, constant: u16) -> Origin {
        self.add(Node::Text(constant))
    }

    pub(super) fn item(&mut self, object: Origin, key: Origin) -> Origin {
        if key == Self::NOTHING {
            return object;
        }
        self.add(Node::Item(object, key))
    }

    /// The origin of what was made of two values, or may be either.
    pub(super) fn both(&mut self, a: Origin, b: Origin) -> Origin {
        if a == b || b == Self::NOTHING {
            a
        } else if a == Self::NOTHING {
            b
        } else {
            self.add(Node::Both(a, b))
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
                .fold(Self::NOTHING, |all, &argument| self.both(all, argument)),
            // These tell of a value without repeating any of it.
            Function::Timestamp
            | Function::Rand
            | Function::Len
            | Function::Bool
            | Function::Type
            | Function::StartsWith
            | Function::EndsWith => Self::NOTHING,
        }
    }

    /// Collects what `origin` was read through; `None` when that takes more than the steps that are left.
    pub(super) fn flow(&self, origin: Origin, steps: &mut usize) -> Option<Flow> {
        let mut flow = Flow::default();
        let mut seen = rustc_hash::FxHashSet::default();
        // Each node with whether it is reached as a key, or as a part of one.
        let mut open = vec![(origin, false)];
        while let Some((origin, is_key)) = open.pop() {
            if !seen.insert((origin, is_key)) {
                continue;
            }
            *steps = steps.checked_sub(1)?;
            match self.nodes[origin.0] {
                Node::Name(name, of) => {
                    flow.names.push(name);
                    open.push((of, is_key));
                }
                Node::Input(slot, name) => {
                    flow.inputs.push(slot);
                    flow.names.extend(name);
                }
                Node::Text(constant) if is_key => flow.keys.push(constant),
                Node::Text(_) | Node::Nothing => {}
                Node::Both(a, b) => open.extend([(a, is_key), (b, is_key)]),
                Node::Item(object, key) => open.extend([(object, is_key), (key, true)]),
            }
        }
        for list in [&mut flow.names, &mut flow.keys, &mut flow.inputs] {
            list.sort_unstable();
            list.dedup();
        }
        Some(flow)
    }
}
