import { render } from "preact";

render(<main>TMLSR</main>, document.body);
