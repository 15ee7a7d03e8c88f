//! The grammar of statements about settings and processes.

use pgscope_core::profile::Version;
use pgscope_core::server::settings::parameters;

use crate::ast::{Action, GivenSetting, Name, SettingValue, Shown};
use crate::diagnostic::Problem;
use crate::highlight::Class;
use crate::lexer::{Token, TokenKind};
use crate::parser::{Expected, Parser};

const SETTING: &str = "the name of a setting";
const VALUE: &str = "a setting's value";

/// The name of a setting that some version has, as PostgreSQL writes it.
pub(crate) fn known_setting(name: &str) -> Option<&'static str> {
    let versions = Version::OFFERED.iter().rev();
    let mut all = versions.flat_map(|version| parameters(version.segment()));
    all.find(|it| it.name.eq_ignore_ascii_case(name)).map(|it| it.name)
}

impl Parser<'_> {
    pub(crate) fn set(&mut self) -> Result<Action, Problem> {
        let local = self.keyword("local");
        self.set_to(false, local)
    }

    pub(crate) fn alter_system(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("system")?;
        if self.keyword("reset") {
            return self.name(Class::Handle, SETTING).map(Action::AlterSystemReset);
        }
        self.expect_keyword("set")?;
        self.set_to(true, false)
    }

    /// `work_mem = 4MB`, `work_mem to default`.
    fn set_to(&mut self, system: bool, local: bool) -> Result<Action, Problem> {
        let name = self.name(Class::Handle, SETTING)?;
        if !self.keyword("to") {
            self.symbol("=")?;
        }
        let value = self.setting_value()?;
        Ok(Action::Set { system, local, setting: GivenSetting { name, value } })
    }

    fn setting_value(&mut self) -> Result<SettingValue, Problem> {
        let Token { kind, span } = self.peek();
        let quoted = kind == TokenKind::Text;
        let text = match kind {
            TokenKind::Text => self.text(span)?,
            TokenKind::Word | TokenKind::Number => self.text_of(span).into(),
            _ => {
                self.expected.push(Expected::Some(VALUE));
                return Err(self.unexpected());
            }
        };
        let class = Class::of_token(kind).unwrap_or(Class::Keyword);
        self.take(class);
        Ok(SettingValue { text, quoted, span })
    }

    /// A setting of the `server` statement that is not there yet, if one comes next.
    pub(super) fn given_setting(
        &mut self,
        given: &[GivenSetting],
    ) -> Result<Option<GivenSetting>, Problem> {
        let Token { kind, span } = self.peek();
        let text = self.text_of(span);
        let twice = given.iter().any(|it| it.name.text.eq_ignore_ascii_case(text));
        if kind != TokenKind::Word || twice || known_setting(text).is_none() {
            return Ok(None);
        }
        let name = Name { text: text.into(), span };
        self.take(Class::Keyword);
        self.symbol("=")?;
        let value = self.setting_value()?;
        Ok(Some(GivenSetting { name, value }))
    }

    /// `show work_mem`: the name of a setting.
    pub(super) fn shown_setting(&mut self) -> Option<Shown> {
        let Token { kind, span } = self.peek();
        let name = known_setting(self.text_of(span)).filter(|_| kind == TokenKind::Word)?;
        self.take(Class::Handle);
        Some(Shown::Setting(name))
    }

    pub(crate) fn connect(&mut self) -> Result<Action, Problem> {
        Ok(Action::Connect)
    }

    pub(crate) fn disconnect(&mut self) -> Result<Action, Problem> {
        Ok(Action::Disconnect)
    }

    pub(crate) fn reload(&mut self) -> Result<Action, Problem> {
        Ok(Action::Reload)
    }

    pub(crate) fn restart(&mut self) -> Result<Action, Problem> {
        Ok(Action::Restart)
    }
}
