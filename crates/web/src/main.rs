//! The page of pgscope: everything is in the library, so that tests can reach it.

fn main() {
    pgscope_web::start();
}
