// The package of diagrams comes as a plain script. Pages import it as a module, from this site and nowhere else.
const script = document.createElement("script");
script.src = new URL("mermaid.js", import.meta.url);
await new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }) && document.head.append(script));
export default globalThis.mermaid;
