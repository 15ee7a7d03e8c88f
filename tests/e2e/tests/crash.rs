//! A panic in the page's program: the reader is told what happened, and loses nothing.

use pgscope_e2e::{Window, run};
use thirtyfour::prelude::*;

const FIELD: &str = "textarea[aria-label=Scenario]";
const SCRIPT: &str =
    "-- Mine\nserver 18\ntable t pages=9\nbackend a\na: read t 0\na: read t 1\na: read t 2";

#[test]
fn a_panic_says_what_happened_keeps_the_script_and_restarts() {
    run("a_panic_says_what_happened_keeps_the_script_and_restarts", async |bench| {
        for (window, theme) in [(Window::Desktop, "dark"), (Window::SmallPhone, "light")] {
            let reader = bench.reader(window).await?;
            reader.visit(&format!("?theme={theme}")).await?;
            reader.write(FIELD, SCRIPT).await?;
            reader.until_text("#position", |text| text.contains(" of 5")).await?;
            reader.keys(Key::Escape + "").await?;
            // What Yew doesn't get over: a page in which nothing can be put, as by an extension.
            let broken =
                "Node.prototype.insertBefore = () => { throw new Error('no room'); }; return null";
            reader.script(broken).await?;
            reader.keys("?").await?;

            reader.by_role("heading", "pgscope has stopped").await?;
            let told = reader.text(".crash pre").await?;
            assert!(told.contains("panicked at"), "{told}");
            let kept = format!("return document.querySelector('{FIELD}').value");
            assert_eq!(reader.script(&kept).await?, SCRIPT);
            assert_eq!(reader.focused().await?, ("button".into(), "Restart".into()));
            let wide = "return document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(reader.script(wide).await?, true, "nothing is out of the window");
            let errors = reader.take_console_errors().await?;
            assert!(errors.iter().any(|it| it.contains("no room")), "{errors:?}");

            reader.keys(Key::Enter + "").await?;
            reader.until_ready().await?;
            let field = format!("return document.querySelector('{FIELD}')?.value ?? null");
            reader
                .until("the script again", async || {
                    let now = reader.script(&field).await?;
                    if now == SCRIPT { Ok(()) } else { Err(format!("it is {now}").into()) }
                })
                .await?;
            reader.press("button", "To end").await?;
            reader.until_text("#position", |text| text.starts_with("op 5 of 5")).await?;
        }
        Ok(())
    });
}
