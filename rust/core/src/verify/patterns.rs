//! The patterns of a program, each compiled once.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bytecode::Constant;
use crate::limits;
use crate::pattern::Pattern;

/// Those met so far, by the index of their constant.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    compiled: FxHashMap<u16, Arc<Pattern>>,
}

impl Patterns {
    /// Compiles the pattern that constant `index` is, unless it was met before.
    pub(super) fn compile(&mut self, index: u16, constant: &Constant) -> Result<(), String> {
        if self.compiled.contains_key(&index) {
            return Ok(());
        }
        let Constant::Str(text) = constant else {
            return Err("the pattern is not a string".to_owned());
        };
        if self.compiled.len() == limits::PATTERNS {
            return Err(format!(
                "a program has at most {} different patterns",
                limits::PATTERNS
            ));
        }
        let pattern = Pattern::new(text)
            .map_err(|bad| format!("constant {index} is no pattern: {}", bad.message))?;
        self.compiled.insert(index, Arc::new(pattern));
        Ok(())
    }

    /// The number that the pattern of a constant has among those of one section, to which it is added if it is new.
    pub(super) fn number(&self, constant: u16, section: &mut Vec<Arc<Pattern>>) -> u16 {
        let known = self.compiled.get(&constant);
        let position = section
            .iter()
            .position(|pattern| known.is_some_and(|known| Arc::ptr_eq(known, pattern)));
        let number = position.unwrap_or_else(|| {
            section.extend(known.cloned());
            section.len().saturating_sub(1)
        });
        // There are far fewer patterns than two bytes can number.
        u16::try_from(number).unwrap_or(u16::MAX)
    }
}
