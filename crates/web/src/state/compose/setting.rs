//! What the header's choices write: settings in the `server` statement.

/// What the header's choices write into the `server` statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// PostgreSQL's major version.
    Version,
    /// `shared_buffers`.
    SharedBuffers,
}

const SERVER: &str = "server";

impl Setting {
    /// A `server` statement with this setting in it; what stood there is replaced.
    fn write(self, statement: &str, value: &str) -> String {
        let (before, after) = match self {
            Setting::Version => {
                let (server, rest) =
                    statement.split_at(statement.find(SERVER).unwrap_or(0) + SERVER.len());
                let digits = rest.trim_start();
                let there = digits.starts_with(|first: char| first.is_ascii_digit());
                (format!("{server} "), if there { rest_of(digits) } else { rest })
            }
            Setting::SharedBuffers => match statement.split_once(SHARED_BUFFERS) {
                Some((before, after)) => (format!("{before}{SHARED_BUFFERS}"), rest_of(after)),
                None => (format!("{} {SHARED_BUFFERS}", statement.trim_end()), ""),
            },
        };
        format!("{before}{value}{after}")
    }
}

const SHARED_BUFFERS: &str = "shared_buffers=";

/// What is behind the first word.
fn rest_of(text: &str) -> &str {
    text.trim_start_matches(|letter: char| !letter.is_whitespace())
}

/// `script` with a setting in its `server` statement, which is added if there is none.
pub fn with_setting(script: &str, setting: Setting, value: &str) -> String {
    let is_server = |line: &str| line.split_whitespace().next() == Some(SERVER);
    if !script.lines().any(is_server) {
        let comments = script.lines().take_while(|line| line.trim_start().starts_with("--"));
        let at = comments.map(|line| line.len() + 1).sum::<usize>().min(script.len());
        let (head, body) = script.split_at(at);
        let gap = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
        return format!("{head}{gap}{}\n{body}", setting.write(SERVER, value));
    }
    let mut found = false;
    let lines = script.split('\n').map(|line| {
        if found || !is_server(line) {
            return line.to_owned();
        }
        found = true;
        let (statement, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        let gap = if comment.is_empty() { "" } else { " " };
        format!("{}{gap}{comment}", setting.write(statement.trim_end(), value))
    });
    lines.collect::<Vec<_>>().join("\n")
}
