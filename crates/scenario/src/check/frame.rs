//! Statements about settings and processes.

use pgscope_core::Op;
use pgscope_core::ids::BackendId;
use pgscope_core::op::SettingStmt;
use pgscope_core::server::segment::Segment;
use pgscope_core::server::settings::{SettingError, Settings};

use super::statement::op;
use super::{Checker, Compiled};
use crate::ast::{Action, GivenSetting, Name};
use crate::diagnostic::{Problem, Span};
use crate::parser::known_setting;

impl Checker {
    /// What the server does.
    #[inline(never)]
    pub(super) fn server_action(&mut self, action: &Action) -> Compiled {
        match action {
            Action::Set { setting, .. } => op(Op::AlterSystem(set(setting, false))),
            Action::AlterSystemReset(name) => op(Op::AlterSystem(reset(name))),
            Action::Reload => op(Op::Reload),
            Action::Restart => op(Op::Restart),
            _ => None,
        }
    }

    /// What a client does with its session.
    #[inline(never)]
    pub(super) fn session_action(&mut self, action: &Action, backend: BackendId) -> Compiled {
        match action {
            Action::Set { local, setting, .. } => {
                op(Op::Setting { backend, statement: set(setting, *local) })
            }
            Action::Disconnect => op(Op::Disconnect { backend }),
            Action::Connect => {
                let name = self.names.backend(backend)?.clone();
                op(match self.superusers.contains(&backend) {
                    true => Op::ConnectSuperuser { backend, name },
                    false => Op::Connect { backend, name },
                })
            }
            _ => None,
        }
    }

    /// `reset work_mem`, unless the backend has a memory context of that name.
    #[inline(never)]
    pub(super) fn reset_setting(&self, name: &Name, backend: BackendId) -> Option<Op> {
        let all = name.text.eq_ignore_ascii_case("all");
        let context = self.names.find_context(backend, &name.text);
        let setting = context.is_none() && (all || known_setting(&name.text).is_some());
        setting.then(|| Op::Setting { backend, statement: reset(name) })
    }

    /// The settings of the `server` statement, one by one and together.
    #[inline(never)]
    pub(super) fn server_settings(&mut self, given: &[GivenSetting], span: Span) {
        let version = self.config.version;
        let mut settings = Settings::with_shared_buffers(self.config.shared_buffers);
        settings.temp_buffers = self.config.temp_buffers;
        let before = self.problems.len();
        for GivenSetting { name, value } in given {
            if let Err(error) = settings.set(version, &name.text, &value.text) {
                let unknown = matches!(error, SettingError::Unknown(_));
                self.refused(if unknown { name.span } else { value.span }, &error);
            }
        }
        if self.problems.len() == before
            && settings.check().is_ok()
            && let Err(error) = Segment::new(version, &settings)
        {
            self.refused(span, &error);
        }
        self.settings = settings;
    }

    fn refused(&mut self, span: Span, error: &SettingError) {
        let problem = Problem::new(span, error.to_string());
        let detail = error.detail();
        self.problems.push(if detail.is_empty() { problem } else { problem.help(detail) });
    }
}

fn set(setting: &GivenSetting, local: bool) -> SettingStmt {
    let GivenSetting { name, value } = setting;
    let text = (!value.is_default()).then(|| value.text.clone());
    SettingStmt::Set { name: name.text.clone(), value: text, local }
}

fn reset(name: &Name) -> SettingStmt {
    match name.text.eq_ignore_ascii_case("all") {
        true => SettingStmt::ResetAll,
        false => SettingStmt::Reset(name.text.clone()),
    }
}
