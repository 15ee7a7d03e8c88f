//! Serves the built page as the tests do, prints its address, and ends with its input: for
//! whoever measures the page from outside, such as Lighthouse.

use std::io::Read;
use std::process::ExitCode;

use pgscope_e2e::server::Server;
use pgscope_e2e::settings;

fn main() -> ExitCode {
    let server = settings::dist().and_then(Server::of_folder);
    match server {
        Ok(server) => {
            println!("{}", server.address());
            let mut rest = Vec::new();
            // An input that can't be read has ended too.
            let _ = std::io::stdin().read_to_end(&mut rest);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
