//! A client of a running server: SQL in simple queries, over the socket in its folder (the
//! "frontend/backend protocol", version 3).

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a look for an answer waits for one.
const LOOK: Duration = Duration::from_millis(1);
/// Version 3.0.
const PROTOCOL: u32 = 3 << 16;

/// What came of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) tag: String,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Severity and message of each.
    pub(crate) notices: Vec<String>,
    /// The fields of an error, by the letters that the protocol gives them.
    pub(crate) error: Option<BTreeMap<char, String>>,
}

/// A connection.
pub(crate) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    reply: Reply,
    /// Its backend's process.
    pub(crate) pid: u32,
}

impl Client {
    /// Connect to the database `postgres`.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        let (received, reply) = (Vec::new(), Reply::default());
        let mut client = Self { stream, received, reply, pid: 0 };
        let mut message = PROTOCOL.to_be_bytes().to_vec();
        message.extend(b"user\0postgres\0database\0postgres\0\0");
        client.write(None, &message)?;
        let reply = client.wait()?;
        match reply.error {
            None => Ok(client),
            Some(fields) => Err(Error::other(fields.get(&'M').cloned().unwrap_or_default())),
        }
    }

    fn write(&mut self, kind: Option<u8>, body: &[u8]) -> Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend(body);
        self.stream.write_all(&message)
    }

    /// Begin a query; the answer comes later.
    pub(crate) fn send(&mut self, sql: &str) -> Result<()> {
        self.reply = Reply::default();
        self.write(Some(b'Q'), &[sql.as_bytes(), b"\0"].concat())
    }

    /// The answer, as soon as it is there.
    pub(crate) fn wait(&mut self) -> Result<Reply> {
        self.stream.set_read_timeout(None)?;
        loop {
            if let Some(reply) = self.take()? {
                return Ok(reply);
            }
            self.receive()?;
        }
    }

    /// The answer, if it is there or comes in a moment.
    pub(crate) fn look(&mut self) -> Result<Option<Reply>> {
        self.stream.set_read_timeout(Some(LOOK))?;
        loop {
            if let Some(reply) = self.take()? {
                return Ok(Some(reply));
            }
            match self.receive() {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                other => other?,
            }
        }
    }

    /// Rows of a query that does not fail.
    pub(crate) fn rows(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        self.send(sql)?;
        let reply = self.wait()?;
        if let Some(fields) = reply.error {
            let message = fields.get(&'M').cloned().unwrap_or_default();
            return Err(Error::other(format!("{sql}: {message}")));
        }
        let cells = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default);
        Ok(reply.rows.into_iter().map(|row| cells(row).collect()).collect())
    }

    fn receive(&mut self) -> Result<()> {
        let mut bytes = [0; 8192];
        match self.stream.read(&mut bytes)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.received.extend(&bytes[..read]);
                Ok(())
            }
        }
    }

    /// Work off whole messages, up to the one that the server is ready again.
    fn take(&mut self) -> Result<Option<Reply>> {
        loop {
            let Some(&[kind, a, b, c, d]) = self.received.first_chunk() else { return Ok(None) };
            let end = u32::from_be_bytes([a, b, c, d]) as usize + 1;
            if self.received.len() < end {
                return Ok(None);
            }
            let body: Vec<u8> = self.received.drain(..end).skip(5).collect();
            match kind {
                b'Z' => return Ok(Some(std::mem::take(&mut self.reply))),
                b'K' => self.pid = number(&body).unwrap_or(0),
                b'C' => self.reply.tag = text(&body),
                b'D' => self.reply.rows.push(row(&body)),
                b'E' => self.reply.error = Some(fields(&body)),
                b'N' => {
                    let fields = fields(&body);
                    let field = |letter| fields.get(&letter).cloned().unwrap_or_default();
                    self.reply.notices.push(format!("{}: {}", field('S'), field('M')));
                }
                _ => {}
            }
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn row(body: &[u8]) -> Vec<Option<String>> {
    let (mut at, mut cells) = (2, Vec::new());
    while let Some(length) = body.get(at..).and_then(number) {
        at += 4;
        // -1: null.
        let cell = usize::try_from(length as i32).ok().and_then(|length| body.get(at..at + length));
        at += cell.map_or(0, <[u8]>::len);
        cells.push(cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
    }
    cells
}

fn fields(body: &[u8]) -> BTreeMap<char, String> {
    let fields = body.split(|byte| *byte == 0).filter_map(|field| field.split_first());
    fields
        .map(|(letter, value)| (char::from(*letter), String::from_utf8_lossy(value).into()))
        .collect()
}
