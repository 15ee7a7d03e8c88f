//! Statements about settings, and the configuration file (`guc.c`, `guc_funcs.c`).

use std::rc::Rc;

use crate::bufmgr::bgwriter::Round;
use crate::bufmgr::localbuf::LocalBufferPool;
use crate::bufmgr::localbuf::MAX_TEMP_BUFFERS;
use crate::error::{Error, Fallible, Warning};
use crate::event::{Event, ProcessEvent};
use crate::ids::{BackendId, ContextSlot};
use crate::memory::Addr;
use crate::op::{BgWriterRound, Bulk, PlanCacheMode, SettingStmt};
use crate::profile::parameters::{Context, MILLIONTHS, Parameter, Setting};
use crate::server::Server;
use crate::server::guc::GUC_STACK;
use crate::server::segment::Counts;
use crate::server::settings::{self, MAX_SHARED_BUFFERS, SettingError};

impl Server {
    /// A setting as a session has it; without one, as the postmaster does.
    pub fn setting(&self, backend: Option<BackendId>, setting: Setting) -> i32 {
        let own = backend.and_then(|id| self.backend(id)).and_then(|it| it.gucs.get(setting));
        own.unwrap_or_else(|| self.server_setting(setting))
    }

    /// The same without what a session made of it: those that choose their value have chosen.
    pub fn server_setting(&self, setting: Setting) -> i32 {
        let segment = self.segment();
        let number = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        match setting {
            Setting::BlockSize => 8192,
            Setting::SharedMemorySize => number(segment.shared_memory_size()),
            Setting::SharedMemorySizeInHugePages => {
                number(segment.shared_memory_size_in_huge_pages())
            }
            Setting::NumOsSemaphores => number(segment.semaphores),
            _ => {
                let profile = self.profile.version.segment();
                let counts = Counts::new(profile, &self.settings);
                counts.map_or(0, |counts| counts.in_force(setting))
            }
        }
    }

    /// `pg_settings.source`.
    pub fn setting_source(
        &self,
        backend: Option<BackendId>,
        parameter: &Parameter,
    ) -> &'static str {
        let own = backend.and_then(|id| self.backend(id));
        let profile = self.profile.version.segment();
        match parameter.setting {
            setting if own.is_some_and(|it| it.gucs.get(setting).is_some()) => "session",
            setting if self.settings.is_given(setting) => "configuration file",
            setting if self.settings.get(profile, setting) != parameter.boot => {
                "configuration file"
            }
            _ => "default",
        }
    }

    /// `pg_settings.pending_restart`.
    pub fn is_pending_restart(&self, parameter: &Parameter) -> bool {
        let profile = self.profile.version.segment();
        let of = |settings: &settings::Settings| settings.get(profile, parameter.setting);
        parameter.context == Context::Postmaster && of(&self.postmaster.read) != of(&self.settings)
    }

    /// The setting of a name, in any case (`find_option`).
    pub fn find_setting(&self, name: &str) -> Option<&'static Parameter> {
        let profile = self.profile.version.segment();
        settings::parameter(profile, |it| it.name.eq_ignore_ascii_case(name))
    }

    fn find_option(&self, name: &str) -> Result<&'static Parameter, Error> {
        let unknown = || SettingError::Unknown(name.to_owned()).into();
        self.find_setting(name).ok_or_else(unknown)
    }

    /// `SET`, `SET LOCAL` and `RESET`, from the client's message to the top of the main loop.
    pub(super) fn setting_statement(
        &mut self,
        id: BackendId,
        statement: &SettingStmt,
    ) -> Fallible<()> {
        self.exec_simple_query(id, false)?;
        self.run_portal(id, None)?;
        match self.exec_set_variable_stmt(id, statement) {
            Ok(()) => self.end_statement(id),
            Err(error) if *error == Error::Stopped => Err(error),
            Err(error) => {
                self.recover_from_error(id)?;
                Err(error)
            }
        }
    }

    /// `ExecSetVariableStmt`
    fn exec_set_variable_stmt(&mut self, id: BackendId, statement: &SettingStmt) -> Fallible<()> {
        match statement {
            SettingStmt::ResetAll => {
                for setting in self.at(id)?.gucs.settings() {
                    self.change_setting(id, setting, None, false)?;
                }
                Ok(())
            }
            SettingStmt::Reset(name) => {
                let parameter = self.settable(id, name)?;
                self.change_setting(id, parameter.setting, None, false)
            }
            SettingStmt::Set { name, value, local } => {
                if *local && !self.at(id)?.session.in_block {
                    let warning = Warning::OnlyInTransactionBlocks;
                    self.log.emit(Event::Warned(warning))?;
                }
                let parameter = self.settable(id, name)?;
                let value = value.as_ref();
                let value =
                    value.map(|text| self.check_setting(id, parameter, text)).transpose()?;
                self.change_setting(id, parameter.setting, value, *local)
            }
        }
    }

    /// What `set_config_option` asks before it looks at the value: whether a session may set it.
    fn settable(&mut self, id: BackendId, name: &str) -> Fallible<&'static Parameter> {
        let parameter = self.find_option(name)?;
        let name = parameter.name;
        let refused = match parameter.context {
            Context::Internal => SettingError::Internal(name),
            Context::Postmaster => SettingError::NeedsRestart(name),
            Context::Sighup => SettingError::NotNow(name),
            Context::Superuser if !self.at(id)?.superuser => SettingError::PermissionDenied(name),
            Context::Superuser | Context::User => return Ok(parameter),
        };
        Err(Error::from(refused).into())
    }

    /// `parse_and_validate_value`
    fn check_setting(
        &mut self,
        id: BackendId,
        parameter: &'static Parameter,
        text: &str,
    ) -> Fallible<i32> {
        let version = self.profile.version;
        let value = self.settings.parsed(version, parameter, text).map_err(Error::from)?;
        let used = self.at(id)?.buffers.temp.nbuffers();
        let refused = match parameter.setting {
            Setting::TempBuffers if used > 0 && used as i32 != value => {
                SettingError::TempBuffersInUse(value)
            }
            Setting::TempBuffers if value > MAX_TEMP_BUFFERS as i32 => {
                SettingError::TooMuch { name: parameter.name, most: MAX_TEMP_BUFFERS }
            }
            _ => return Ok(value),
        };
        Err(Error::from(refused).into())
    }

    fn change_setting(
        &mut self,
        id: BackendId,
        setting: Setting,
        value: Option<i32>,
        local: bool,
    ) -> Fallible<()> {
        let from = self.setting(Some(id), setting);
        let nest_level = self.at(id)?.session.levels.len();
        let pointer = match self.at(id)?.gucs.pushes(setting, nest_level) {
            true => {
                let top = self.at(id)?.context_or_error(ContextSlot::TOP_TRANSACTION)?;
                self.keep(id, top, GUC_STACK)?
            }
            false => Addr::NULL,
        };
        self.at(id)?.gucs.set(setting, value, local, (nest_level, pointer));
        self.setting_changed(id, setting, from)
    }

    /// Tell of a change, and have it take effect.
    fn setting_changed(&mut self, id: BackendId, setting: Setting, from: i32) -> Fallible<()> {
        let to = self.setting(Some(id), setting);
        if from == to {
            return Ok(());
        }
        let temp = &mut self.at(id)?.buffers.temp;
        if setting == Setting::TempBuffers && temp.nbuffers() == 0 {
            *temp = LocalBufferPool::of_size(to.max(0) as u32);
        }
        let event = ProcessEvent::SettingChanged { backend: Some(id), setting, from, to };
        self.log.emit(Event::Process(event))
    }

    /// `AtEOXact_GUC`: a transaction or savepoint ends.
    pub(super) fn at_eoxact_guc(&mut self, id: BackendId, is_commit: bool) -> Fallible<()> {
        let nest_level = self.at(id)?.session.levels.len();
        let settings = self.at(id)?.gucs.settings();
        if settings.is_empty() {
            return Ok(());
        }
        let mut before = Vec::with_capacity(settings.len());
        for setting in settings {
            before.push((setting, self.setting(Some(id), setting)));
        }
        for pointer in self.at(id)?.gucs.at_eoxact(is_commit, nest_level) {
            if !pointer.is_null() {
                self.give_back(id, pointer)?;
            }
        }
        for (setting, from) in before {
            self.setting_changed(id, setting, from)?;
        }
        Ok(())
    }

    /// `AlterSystemSetConfigFile`
    pub(super) fn alter_system(&mut self, statement: &SettingStmt) -> Fallible<()> {
        let version = self.profile.version;
        let file = &mut Rc::make_mut(&mut self.postmaster).file;
        match statement {
            SettingStmt::ResetAll => *file = settings::Settings::default(),
            SettingStmt::Reset(name) | SettingStmt::Set { name, value: None, .. } => {
                let parameter = alterable(self.find_option(name)?)?;
                Rc::make_mut(&mut self.postmaster).file.unset(parameter);
            }
            SettingStmt::Set { name, value: Some(value), .. } => {
                let parameter = alterable(self.find_option(name)?)?;
                let most = match parameter.setting {
                    Setting::SharedBuffers => MAX_SHARED_BUFFERS,
                    Setting::TempBuffers => MAX_TEMP_BUFFERS,
                    _ => u32::MAX,
                };
                let file = &mut Rc::make_mut(&mut self.postmaster).file;
                let parsed = file.parsed(version, parameter, value).map_err(Error::from)?;
                if i64::from(parsed) > i64::from(most) {
                    let name = parameter.name;
                    return Err(Error::from(SettingError::TooMuch { name, most }).into());
                }
                file.put(parameter.setting, parsed);
            }
        }
        Ok(())
    }

    /// `ProcessConfigFile`: the postmaster reads the configuration file, and all its children do.
    pub(super) fn reload(&mut self) -> Fallible<()> {
        let profile = self.profile.version.segment();
        let file = self.postmaster.file.clone();
        for parameter in settings::parameters(profile) {
            let setting = parameter.setting;
            let pending = self.is_pending_restart(parameter);
            let (from, to) = (self.settings.get(profile, setting), file.get(profile, setting));
            match parameter.context {
                Context::Internal => {}
                Context::Postmaster if from == to || pending => {}
                Context::Postmaster => {
                    Rc::make_mut(&mut self.postmaster).read.take_over(parameter, &file);
                    self.log.emit(Event::Process(ProcessEvent::PendingRestart(setting)))?;
                }
                _ => {
                    self.settings.take_over(parameter, &file);
                    if from != to {
                        self.follow(setting)?;
                        let event =
                            ProcessEvent::SettingChanged { backend: None, setting, from, to };
                        self.log.emit(Event::Process(event))?;
                    }
                }
            }
        }
        Rc::make_mut(&mut self.postmaster).read = file;
        Ok(())
    }

    /// Sessions that have not set it themselves have the new value.
    fn follow(&mut self, setting: Setting) -> Fallible<()> {
        if setting != Setting::TempBuffers {
            return Ok(());
        }
        for at in 0..self.backends.len() {
            let to = self.setting(Some(BackendId(at as u16)), setting).max(0) as u32;
            if let Some(backend) = self.backends.get_mut(at)
                && backend.buffers.temp.nbuffers() == 0
            {
                backend.buffers.temp = LocalBufferPool::of_size(to);
            }
        }
        Ok(())
    }

    /// A round of the background writer, with the settings where nothing else is said.
    pub(super) fn round(&self, round: &BgWriterRound) -> Round {
        let setting = |setting| self.server_setting(setting);
        let multiplier = f64::from(setting(Setting::BgwriterLruMultiplier)) / MILLIONTHS;
        let number = |which| setting(which).max(0) as u32;
        Round {
            maxpages: round.maxpages.unwrap_or_else(|| number(Setting::BgwriterLruMaxpages)),
            multiplier: round.multiplier.unwrap_or(multiplier),
            delay_ms: round.delay_ms.unwrap_or_else(|| number(Setting::BgwriterDelay)),
        }
    }

    /// A session's `work_mem`, in kB.
    pub(super) fn work_mem(&self, id: BackendId) -> u32 {
        self.setting(Some(id), Setting::WorkMem).max(0) as u32
    }

    /// A session's `hash_mem_multiplier`.
    pub(super) fn hash_mem_multiplier(&self, id: BackendId) -> f64 {
        f64::from(self.setting(Some(id), Setting::HashMemMultiplier)) / MILLIONTHS
    }

    /// A session's `plan_cache_mode`.
    pub(super) fn plan_cache_mode(&self, id: BackendId) -> PlanCacheMode {
        match self.setting(Some(id), Setting::PlanCacheMode) {
            1 => PlanCacheMode::ForceGeneric,
            2 => PlanCacheMode::ForceCustom,
            _ => PlanCacheMode::Auto,
        }
    }

    /// What a statement over many pages takes from the settings: how large VACUUM's ring is.
    pub(super) fn bulk(&self, id: BackendId, bulk: &Bulk) -> Bulk {
        let setting = Setting::VacuumBufferUsageLimit;
        let profile = self.profile.version.segment();
        match (bulk, settings::parameter_of(profile, setting)) {
            (&Bulk::Vacuum { size_kb: None, freeze }, Some(_)) => {
                let size_kb = u32::try_from(self.setting(Some(id), setting)).ok();
                Bulk::Vacuum { size_kb, freeze }
            }
            _ => bulk.clone(),
        }
    }
}

/// What ALTER SYSTEM may write.
fn alterable(parameter: &'static Parameter) -> Result<&'static Parameter, Error> {
    match parameter.context {
        Context::Internal => Err(SettingError::Internal(parameter.name).into()),
        _ => Ok(parameter),
    }
}
