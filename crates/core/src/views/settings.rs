//! `pg_settings`: what every setting is, where it comes from, and when it may change.

use crate::Server;
use crate::ids::BackendId;
use crate::profile::parameters::Parameter;
use crate::server::settings::{parameters, plain, shown, unit_name};

/// Those of the view's columns that tell of memory.
pub(super) const COLUMNS: &[&str] = &[
    "name",
    "setting",
    "unit",
    "context",
    "vartype",
    "source",
    "min_val",
    "max_val",
    "boot_val",
    "reset_val",
    "pending_restart",
];

/// One row a setting, by name, as a session sees them; without one, as the postmaster does.
pub(super) fn rows(server: &Server, backend: Option<BackendId>) -> Vec<Vec<String>> {
    let profile = server.profile().version.segment();
    let mut all: Vec<&Parameter> = parameters(profile).collect();
    all.sort_by_key(|parameter| parameter.name);
    let row = |parameter: &&Parameter| row(server, backend, parameter);
    all.iter().map(row).collect()
}

fn row(server: &Server, backend: Option<BackendId>, parameter: &Parameter) -> Vec<String> {
    let text = |value: i32| plain(parameter, value);
    let range = |value: i32| match parameter.words {
        [] => text(value),
        _ => String::new(),
    };
    let pending = if server.is_pending_restart(parameter) { "t" } else { "f" };
    vec![
        parameter.name.to_owned(),
        text(server.setting(backend, parameter.setting)),
        unit_name(parameter.unit).to_owned(),
        parameter.context.word().to_owned(),
        parameter.vartype().to_owned(),
        server.setting_source(backend, parameter).to_owned(),
        range(parameter.min),
        range(parameter.max),
        text(parameter.boot),
        text(server.server_setting(parameter.setting)),
        pending.to_owned(),
    ]
}

/// What `SHOW` says of a setting: its value with the largest unit in which it is whole.
pub fn show_setting(server: &Server, backend: Option<BackendId>, parameter: &Parameter) -> String {
    shown(parameter, server.setting(backend, parameter.setting))
}
