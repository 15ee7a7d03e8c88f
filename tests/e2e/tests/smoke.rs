//! The least a page must do: load, become ready, and have no complaint.

use pgscope_e2e::{Window, run};

#[test]
fn the_page_loads_and_is_ready() {
    run("the_page_loads_and_is_ready", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        assert!(reader.driver().title().await?.ends_with("pgscope"));
        Ok(())
    });
}
