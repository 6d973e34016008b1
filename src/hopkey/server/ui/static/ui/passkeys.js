// Passkeys: a form with data-passkey asks the browser for one and sends what it says. Everything else works without.
const decode = (text) => {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
};
const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const readable = (options) => {
  const key = { ...options.publicKey, challenge: decode(options.publicKey.challenge) };
  if (key.user) key.user = { ...key.user, id: decode(key.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (key[list]) key[list] = key[list].map((item) => ({ ...item, id: decode(item.id) }));
  }
  return { publicKey: key };
};

const sendable = (credential) => {
  const answer = credential.response;
  const response = { clientDataJSON: encode(answer.clientDataJSON) };
  if (answer.attestationObject) {
    response.attestationObject = encode(answer.attestationObject);
    response.transports = answer.getTransports?.() ?? [];
  } else {
    response.authenticatorData = encode(answer.authenticatorData);
    response.signature = encode(answer.signature);
    if (answer.userHandle) response.userHandle = encode(answer.userHandle);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
};

const ask = async (form) => {
  const purpose = form.dataset.passkey;
  const answer = await fetch(`/passkeys/options/${purpose}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("This page is too old: reload it, then try again.");
  const options = readable(await answer.json());
  return purpose === "new" ? navigator.credentials.create(options) : navigator.credentials.get(options);
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("[data-passkey-start]");
  const problem = form.querySelector("[data-passkey-problem]");
  const unable = form.querySelector("[data-passkey-unable]");
  if (!window.PublicKeyCredential || !window.isSecureContext) {
    button.hidden = true;
    if (unable) unable.hidden = false;
    continue;
  }
  button.addEventListener("click", async () => {
    if (!form.reportValidity()) return;
    problem.hidden = true;
    button.setAttribute("aria-busy", "true");
    try {
      const credential = await ask(form);
      form.querySelector("[data-passkey-credential]").value = sendable(credential);
      form.requestSubmit();
    } catch (error) {
      problem.textContent = error.name === "NotAllowedError"
        ? "No passkey was used. Try again, or use another way."
        : error.name === "InvalidStateError" ? "This device has a passkey for your account already." : error.message;
      problem.hidden = false;
      button.removeAttribute("aria-busy");
    }
  });
}
