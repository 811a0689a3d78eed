/** The style of the documentation, light or dark as in the reader's system. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --link: #2266cc; }
@media (prefers-color-scheme: dark) { :root { --link: #7ab0ff; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 17rem 1fr; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem; border-right: 1px solid var(--line); }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; }
nav li { margin: .2rem 0; overflow-wrap: anywhere; font-size: .875rem; }
main { padding: 1.5rem 2rem 4rem; max-width: 62rem; min-width: 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1 { margin-top: 0; }
h2 { margin-top: 3rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
h4 { margin: 1.25rem 0 .5rem; }
p { margin: .5rem 0; }
code, pre { font: .875em/1.5 ui-monospace, monospace; }
code { background: var(--soft); border-radius: 4px; padding: .1em .3em; }
pre { background: var(--soft); border-radius: 6px; padding: 1rem; overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
td:first-child { overflow-wrap: anywhere; }
small { opacity: .75; }
summary { cursor: pointer; }
.method { font: 600 .8rem/1 ui-monospace, monospace; padding: .3em .5em; border-radius: 4px; color: #fff; background: #55606e; }
.get { background: #1f6feb; }
.post { background: #1a7f37; }
.delete { background: #c93c37; }
.good { color: #1a7f37; }
.bad { color: #c93c37; }
@media (max-width: 50rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem; }
  table { display: block; overflow-x: auto; }
}
`;
