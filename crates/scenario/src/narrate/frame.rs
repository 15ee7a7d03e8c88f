//! Sentences about processes and settings: who comes and goes, what a crash brings about, what a setting is
//! from now on.

use pgscope_core::Event;
use pgscope_core::event::{End, ProcessEvent};
use pgscope_core::ids::BackendId;
use pgscope_core::op::{Op, SettingStmt};
use pgscope_core::profile::BackendType;
use pgscope_core::profile::parameters::Setting;
use pgscope_core::server::settings::{parameter_of, shown};

use super::{Narration, Scene, Tone, buffers};

/// An operation of this kind.
#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let who = op.backend().map(|id| scene.backend(id));
    match op {
        Op::Disconnect { .. } => {
            narration.say(Tone::Who, format!("{} disconnects", who.unwrap_or_default()));
            if let Some(pid) = ended(scene).next().map(|ended| ended.pid) {
                let rest = format!(
                    ": process {pid} ends. Its local memory is gone, and its PGPROC is free for another."
                );
                narration.say(Tone::Plain, rest);
            }
        }
        Op::Setting { statement, .. } => {
            let words = statement_words(statement);
            narration.say(Tone::Who, format!("{} sends {words}", who.unwrap_or_default()));
            narration.say(Tone::Plain, ".");
            for event in scene.events {
                if let Event::Warned(warning) = event {
                    narration.say(Tone::Evict, format!(" WARNING: {warning}."));
                }
            }
            changes(narration, scene);
        }
        Op::AlterSystem(statement) if scene.failed() => {
            let words = statement_words(statement);
            narration.say(Tone::Who, format!("ALTER SYSTEM {words} is refused"));
        }
        Op::Restart if scene.failed() => {
            narration.say(Tone::Who, "The server would not start with these settings");
        }
        Op::AlterSystem(statement) => {
            narration.say(Tone::Who, "The configuration file is changed");
            let words = format!(
                " by ALTER SYSTEM {}. No process has read it yet.",
                statement_words(statement)
            );
            narration.say(Tone::Plain, words);
        }
        Op::Reload => {
            narration.say(Tone::Who, "All processes read the configuration file again");
            narration.say(Tone::Plain, ".");
            changes(narration, scene);
        }
        Op::Restart => {
            narration.say(Tone::Who, "The server is restarted");
            let clients = ended(scene).filter(|it| it.backend.is_some()).count() as u32;
            if clients > 0 {
                let clients = buffers::count(clients, "client");
                narration
                    .say(Tone::Plain, format!(": {clients} sent away, all dirty pages written"));
            }
            narration.say(Tone::Plain, ".");
            reinitialized(narration, scene);
        }
        _ => {}
    }
}

/// What a session's settings came to when its transaction ended.
#[inline(never)]
pub(super) fn changes(narration: &mut Narration, scene: &Scene<'_>) {
    for event in processes(scene) {
        match *event {
            ProcessEvent::SettingChanged { setting, from, to, .. } => {
                let (name, from, to) =
                    (name(scene, setting), said(scene, setting, from), said(scene, setting, to));
                narration.say(Tone::Plain, format!(" {name} is {to} now, it was {from}."));
            }
            ProcessEvent::PendingRestart(setting) => {
                let name = name(scene, setting);
                let text = format!(
                    " parameter \"{name}\" cannot be changed without restarting the server."
                );
                narration.say(Tone::Evict, text);
            }
            _ => {}
        }
    }
}

/// What the postmaster did about a process that was killed, and what the server's log says.
#[inline(never)]
pub(super) fn crash(narration: &mut Narration, scene: &Scene<'_>) {
    let Some(killed) = ended(scene).find(|it| matches!(it.why, End::Killed(_))) else { return };
    let others: Vec<Ended> = ended(scene).filter(|it| it.why == End::CrashOfAnother).collect();
    let clients = others.iter().filter_map(|it| it.backend).map(|id| scene.backend(id));
    let clients: Vec<&str> = clients.collect();
    let count = buffers::count(others.len() as u32, "other process");
    let count = count.replace("processs", "processes");
    narration.say(Tone::Plain, format!(" The postmaster tells {count} to quit"));
    if !clients.is_empty() {
        narration.say(Tone::Plain, format!(", with them the backends of {}", clients.join(", ")));
    }
    narration.say(Tone::Plain, ".");
    reinitialized(narration, scene);
    let mut log = |line: String| narration.listing.push(line);
    if let End::Killed(signal) = killed.why {
        let name = if signal == 11 { "Segmentation fault" } else { "Aborted" };
        let pid = killed.pid;
        log(format!("LOG:  server process (PID {pid}) was terminated by signal {signal}: {name}"));
    }
    log("LOG:  terminating any other active server processes".to_owned());
    log("LOG:  all server processes terminated; reinitializing".to_owned());
    log("LOG:  database system was not properly shut down; automatic recovery in progress"
        .to_owned());
    log("LOG:  database system is ready to accept connections".to_owned());
}

fn reinitialized(narration: &mut Narration, scene: &Scene<'_>) {
    for event in processes(scene) {
        match *event {
            ProcessEvent::Reinitialized { total } => {
                let text = format!(
                    " Shared memory is laid out anew, {total} bytes: its {} are empty.",
                    buffers::count(scene.server.pool().nbuffers(), "buffer")
                );
                narration.say(Tone::Plain, text);
            }
            ProcessEvent::Recovered { redone, lost } if redone + lost > 0 => {
                let text = format!(
                    " The startup process reads the log: the last changes of {} are made again, those \
                     of {} were not flushed and are lost.",
                    buffers::count(redone, "page"),
                    buffers::count(lost, "page")
                );
                narration.say(Tone::Plain, text);
            }
            _ => {}
        }
    }
}

/// A process that ended.
#[derive(Clone, Copy)]
struct Ended {
    backend: Option<BackendId>,
    pid: u32,
    why: End,
}

fn ended(scene: &Scene<'_>) -> impl Iterator<Item = Ended> {
    processes(scene).filter_map(|event| match *event {
        ProcessEvent::Ended { backend, pid, why, .. } => Some(Ended { backend, pid, why }),
        _ => None,
    })
}

fn processes<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a ProcessEvent> + use<'a> {
    scene.events.iter().filter_map(|event| match event {
        Event::Process(event) => Some(event),
        _ => None,
    })
}

fn name(scene: &Scene<'_>, setting: Setting) -> &'static str {
    let profile = scene.server.profile().version.segment();
    parameter_of(profile, setting).map_or("", |parameter| parameter.name)
}

fn said(scene: &Scene<'_>, setting: Setting, value: i32) -> String {
    let profile = scene.server.profile().version.segment();
    parameter_of(profile, setting).map_or_else(String::new, |parameter| shown(parameter, value))
}

fn statement_words(statement: &SettingStmt) -> String {
    match statement {
        SettingStmt::Set { name, value, local } => {
            let local = if *local { "LOCAL " } else { "" };
            match value {
                Some(value) => format!("SET {local}{name} = '{value}'"),
                None => format!("SET {local}{name} = DEFAULT"),
            }
        }
        SettingStmt::Reset(name) => format!("RESET {name}"),
        SettingStmt::ResetAll => "RESET ALL".to_owned(),
    }
}

const PROC: &str = "backend/storage/lmgr/proc.c";
const POSTMASTER: &str = "backend/postmaster/postmaster.c";
const GUC: &str = "backend/utils/misc/guc.c";

/// The routine that an event happens in.
#[inline(never)]
pub(super) fn routine(event: &ProcessEvent) -> (&'static str, &'static str) {
    match event {
        ProcessEvent::Started { kind, .. } => match kind {
            BackendType::ClientBackend
            | BackendType::AutovacuumLauncher
            | BackendType::LogicalReplicationLauncher => ("InitProcess", PROC),
            _ => ("InitAuxiliaryProcess", PROC),
        },
        ProcessEvent::Ended { why: End::Killed(_) | End::CrashOfAnother, .. } => {
            ("HandleChildCrash", POSTMASTER)
        }
        ProcessEvent::Ended { .. } => ("ProcKill", PROC),
        ProcessEvent::Reinitialized { .. } => {
            ("CreateSharedMemoryAndSemaphores", "backend/storage/ipc/ipci.c")
        }
        ProcessEvent::Recovered { .. } => ("StartupXLOG", "backend/access/transam/xlog.c"),
        ProcessEvent::SettingChanged { .. } => ("set_config_option", GUC),
        ProcessEvent::PendingRestart(_) => ("ProcessConfigFileInternal", GUC),
    }
}
