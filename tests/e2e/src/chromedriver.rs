//! The chromedriver process of one test.
//!
//! It is asked to choose a free port itself and says on its standard output which one it took, so
//! two tests that start in the same moment cannot take the same one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{Result, settings};

/// A running chromedriver; dropping it ends the process.
///
/// Its browsers are ended by [`crate::Bench`] before that: a driver that is killed leaves them.
pub struct Chromedriver {
    process: Child,
    address: String,
}

impl Chromedriver {
    /// Starts the driver and waits until it says that it is ready.
    pub fn start() -> Result<Self> {
        let program = settings::chromedriver();
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let output = process.stdout.take().expect("the driver's output is piped");
        let mut lines = BufReader::new(output).lines().map_while(std::io::Result::ok);
        let port = lines.find_map(|line| port_in(&line));
        // Kept reading, so that the driver never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));

        let mut driver = Self { process, address: String::new() };
        match port {
            Some(port) => driver.address = format!("http://127.0.0.1:{port}"),
            None => return Err("chromedriver ended before it was ready".into()),
        }
        Ok(driver)
    }

    /// Where it takes WebDriver's requests.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in `ChromeDriver was started successfully on port 40123.`
fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_line_that_says_ready() {
        assert_eq!(port_in("ChromeDriver was started successfully on port 40123."), Some(40123));
        assert_eq!(port_in("Starting ChromeDriver 156.0 on port 0"), None);
    }
}
