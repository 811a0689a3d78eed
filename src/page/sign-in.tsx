import { useModel, useTexts } from "./use-model.js";
import "./sign-in.css";

/** Asks for the key that the service wants. */
export function SignIn() {
  const { access } = useModel();
  const { t } = useTexts();
  const isRefused = access.key !== "";
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        const key = String(new FormData(event.currentTarget).get("key")).trim();
        if (key !== "") access.use(key);
      }}
    >
      <h1>{t("access.title")}</h1>
      <p class="muted">{t("access.hint")}</p>
      <label class="field">
        <span>{t("access.key")}</span>
        <input
          name="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-invalid={isRefused}
          aria-describedby="key-problem"
        />
      </label>
      <p id="key-problem" class="field-problem" role="alert">
        {isRefused && t("access.refused")}
      </p>
      <button type="submit" class="primary">
        {t("access.enter")}
      </button>
    </form>
  );
}
