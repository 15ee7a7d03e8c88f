// <pg-scope>: pgscope inside a page of yours, as a lazily loaded frame. docs/embedding.md shows how.
//
//   <script src="https://YOUR-PAGES/pgscope/pg-scope.js" defer></script>
//   <pg-scope height="520"><script type="text/pgscope">
//     backend alice
//     alice: palloc 100
//   </script></pg-scope>
//
// The page of pgscope itself never loads this file; it needs no build and nothing beside it.
{
  const own = document.currentScript ?? document.querySelector("script[src*='pg-scope.js']");
  // Frames are told apart by a number, which each sends with everything that it tells.
  let count = 0;

  // The text as it stood in the source, without the indentation that all its lines share.
  const undent = text => {
    const lines = text.replace(/\r/g, "").replace(/^(\s*\n)+/, "").trimEnd().split("\n");
    const depths = lines.filter(it => it.trim()).map(it => it.search(/\S/));
    return lines.map(it => it.slice(Math.min(...depths))).join("\n");
  };

  // Made by the object model, which a policy without 'unsafe-inline' allows.
  const looks = new CSSStyleSheet();
  looks.replaceSync(":host { display: block } iframe { display: block; box-sizing: border-box; width: 100%; border: 1px solid #8884; border-radius: 12px }");

  class PgScope extends HTMLElement {
    static observedAttributes = ["src", "at", "panel", "theme", "height", "title"];
    #frame; #id; #asked;

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [looks];
    }

    connectedCallback() {
      this.#id = ++count;
      addEventListener("message", this);
      // While the page is still read, the text may not be there yet.
      if (document.readyState === "loading") {
        addEventListener("DOMContentLoaded", () => this.#show(), { once: true });
      } else {
        this.#show();
      }
    }

    disconnectedCallback() {
      removeEventListener("message", this);
      this.#frame?.remove();
      this.#frame = this.#asked = undefined;
    }

    attributeChangedCallback() {
      if (this.#frame) this.#show();
    }

    get #auto() { return this.getAttribute("height") === "auto"; }

    // The address that shows what the attributes and the text ask for; nothing for one that is no page.
    #address() {
      const home = this.getAttribute("page") ?? own?.src ?? location.href;
      const text = undent((this.querySelector("script") ?? this).textContent);
      const link = this.getAttribute("src") ?? (text && "#scenario=" + encodeURIComponent(text));
      const to = new URL(link, new URL("./", new URL(home, location.href)));
      const query = new URLSearchParams({ embed: "", id: this.#id });
      for (const name of ["panel", "theme", "at"]) {
        if (this.hasAttribute(name)) query.set(name, this.getAttribute(name));
      }
      if (this.#auto) query.set("height", "auto");
      to.search = query;
      return /^(https?|file):$/.test(to.protocol) ? to.href : undefined;
    }

    #show() {
      const to = this.isConnected ? this.#address() : undefined;
      if (!to) return;
      if (to !== this.#asked) {
        this.#asked = to;
        // Always a new one: another address in the old one would be a step of the browser's way back.
        this.#frame?.remove();
        this.#frame = document.createElement("iframe");
        this.#frame.loading = "lazy";
        // No same-origin: the frame needs no storage, and gets at nothing of this page.
        this.#frame.sandbox = "allow-scripts allow-popups allow-popups-to-escape-sandbox";
      }
      const named = this.textContent.match(/^\s*--[-\s]*(.+)/)?.[1];
      this.#frame.title = this.getAttribute("title") ?? "pgscope: " + (named ?? "PostgreSQL's memory, step by step");
      // Room is kept before anything is loaded, so that nothing around it moves.
      const height = parseInt(this.getAttribute("height"));
      if (!this.#auto || !this.#frame.src) this.#frame.style.height = (height >= 100 ? height : 520) + "px";
      if (!this.#frame.src) {
        this.#frame.src = to;
        this.shadowRoot.append(this.#frame);
      }
    }

    // What the frame tells becomes events of the element: pgscope-ready, pgscope-position and so on.
    handleEvent({ source, data }) {
      if (source !== this.#frame?.contentWindow || data?.source !== "pgscope" || data.id !== this.#id) return;
      if (data.type === "height" && this.#auto && data.height > 0) {
        this.#frame.style.height = Math.min(Math.max(Math.ceil(data.height) + 2, 100), 4000) + "px";
      }
      this.dispatchEvent(new CustomEvent("pgscope-" + data.type, { detail: data, bubbles: true }));
    }
  }

  // Another script may have taken the name; then its element is the one that is shown.
  if (!customElements.get("pg-scope")) customElements.define("pg-scope", PgScope);
}
