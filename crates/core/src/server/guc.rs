//! A session's settings (`guc.c`): what SET and SET LOCAL changed, and what the end of a transaction or
//! savepoint makes of it.
//!
//! A variable that the session has not set has the server's value, and follows it when the configuration
//! file is read again: that is `None` here, also where it is what a transaction will come back to.

use crate::memory::Addr;
use crate::profile::parameters::Setting;

/// What a level of the transaction did to a variable (`GucStackState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// SET
    Set,
    /// SET LOCAL
    Local,
    /// SET, then SET LOCAL
    SetLocal,
}

/// What a variable was before a level changed it (`GucStack`).
#[derive(Clone, Debug)]
struct GucStack {
    nest_level: usize,
    state: State,
    prior: Option<i32>,
    masked: Option<i32>,
    /// The structure, in TopTransactionContext.
    pointer: Addr,
}

/// A variable that the session has set, or will come back from (`struct config_generic`).
#[derive(Clone, Debug)]
struct Variable {
    setting: Setting,
    value: Option<i32>,
    stack: Vec<GucStack>,
}

/// `sizeof(GucStack)`
pub(super) const GUC_STACK: u64 = 72;

/// One session's variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Gucs {
    variables: Vec<Variable>,
}

impl Gucs {
    /// What the session has set.
    pub(super) fn get(&self, setting: Setting) -> Option<i32> {
        self.variables.iter().find(|it| it.setting == setting)?.value
    }

    /// Every variable that may differ from the server's.
    pub(super) fn settings(&self) -> Vec<Setting> {
        self.variables.iter().map(|it| it.setting).collect()
    }

    /// Whether a change at this level needs a structure to remember what was before
    /// (`push_old_value`).
    pub(super) fn pushes(&self, setting: Setting, nest_level: usize) -> bool {
        let variable = self.variables.iter().find(|it| it.setting == setting);
        let last = variable.and_then(|it| it.stack.last());
        last.is_none_or(|stack| stack.nest_level < nest_level)
    }

    /// `set_config_option`, with `push_old_value` before; `pointer` is where the structure lies, if one is
    /// needed.
    pub(super) fn set(
        &mut self,
        setting: Setting,
        value: Option<i32>,
        local: bool,
        (nest_level, pointer): (usize, Addr),
    ) {
        let at = self.variables.iter().position(|it| it.setting == setting);
        let at = at.unwrap_or_else(|| {
            self.variables.push(Variable { setting, value: None, stack: Vec::new() });
            self.variables.len() - 1
        });
        let Some(variable) = self.variables.get_mut(at) else { return };
        let now = variable.value;
        match variable.stack.last_mut().filter(|stack| stack.nest_level >= nest_level) {
            Some(stack) => match (local, stack.state) {
                // SET after SET LOCAL: what was masked does not matter any more.
                (false, State::SetLocal | State::Local) => stack.state = State::Set,
                (true, State::Set) => (stack.masked, stack.state) = (now, State::SetLocal),
                _ => {}
            },
            None => {
                let state = if local { State::Local } else { State::Set };
                let stack = GucStack { nest_level, state, prior: now, masked: None, pointer };
                variable.stack.push(stack);
            }
        }
        variable.value = value;
    }

    /// `AtEOXact_GUC`: a level ends. Returns the structures that are freed.
    pub(super) fn at_eoxact(&mut self, is_commit: bool, nest_level: usize) -> Vec<Addr> {
        let mut freed = Vec::new();
        for variable in &mut self.variables {
            while let Some(ended) = variable.stack.pop_if(|it| it.nest_level >= nest_level) {
                if !is_commit {
                    variable.value = ended.prior;
                } else if ended.nest_level == 1 {
                    match ended.state {
                        State::Set => {}
                        State::SetLocal => variable.value = ended.masked,
                        State::Local => variable.value = ended.prior,
                    }
                } else if let Some(outer) =
                    variable.stack.last_mut().filter(|it| it.nest_level + 1 >= ended.nest_level)
                {
                    merge(outer, &ended);
                } else {
                    // What the level did is now the outer level's doing.
                    let nest_level = ended.nest_level - 1;
                    variable.stack.push(GucStack { nest_level, ..ended });
                    continue;
                }
                freed.push(ended.pointer);
            }
        }
        self.variables.retain(|it| it.value.is_some() || !it.stack.is_empty());
        freed
    }
}

/// A level's entry goes into that of the level around it.
fn merge(outer: &mut GucStack, ended: &GucStack) {
    match ended.state {
        State::Set => outer.state = State::Set,
        State::Local => {
            if outer.state == State::Set {
                (outer.masked, outer.state) = (ended.prior, State::SetLocal);
            }
        }
        State::SetLocal => (outer.masked, outer.state) = (ended.masked, State::SetLocal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEM: Setting = Setting::WorkMem;

    fn set(gucs: &mut Gucs, value: i32, local: bool, level: usize) {
        gucs.set(MEM, Some(value), local, (level, Addr::NULL));
    }

    #[test]
    fn set_stays_after_commit_and_goes_with_an_abort() {
        for (commit, left) in [(true, Some(1)), (false, None)] {
            let mut gucs = Gucs::default();
            set(&mut gucs, 1, false, 1);
            assert_eq!(gucs.at_eoxact(commit, 1).len(), 1);
            assert_eq!(gucs.get(MEM), left);
        }
    }

    #[test]
    fn set_local_goes_either_way_and_leaves_the_set_before_it() {
        let mut gucs = Gucs::default();
        set(&mut gucs, 1, false, 1);
        set(&mut gucs, 2, true, 1);
        assert_eq!(gucs.get(MEM), Some(2));
        gucs.at_eoxact(true, 1);
        assert_eq!(gucs.get(MEM), Some(1));
        set(&mut gucs, 3, true, 1);
        gucs.at_eoxact(true, 1);
        assert_eq!(gucs.get(MEM), Some(1));
    }

    #[test]
    fn a_savepoints_settings_are_the_transactions_once_it_is_released() {
        let mut gucs = Gucs::default();
        set(&mut gucs, 1, false, 1);
        set(&mut gucs, 2, false, 2);
        gucs.at_eoxact(false, 2);
        assert_eq!(gucs.get(MEM), Some(1));
        set(&mut gucs, 3, true, 2);
        gucs.at_eoxact(true, 2);
        assert_eq!(gucs.get(MEM), Some(3));
        gucs.at_eoxact(true, 1);
        assert_eq!(gucs.get(MEM), Some(1));
        // Nothing was set in the transaction itself: the entry moves out, level by level.
        set(&mut gucs, 4, false, 3);
        assert!(gucs.at_eoxact(true, 3).is_empty());
        gucs.at_eoxact(false, 2);
        assert_eq!(gucs.get(MEM), Some(1));
    }
}
