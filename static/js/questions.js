// Questions that depend on another answer are hidden until it is given. Without this script all of them are shown.
const parts = [...document.querySelectorAll("[data-shown-if]")];
const given = (name) =>
  [...document.getElementsByName(name)].flatMap((input) =>
    ["radio", "checkbox"].includes(input.type) && !input.checked ? [] : input.value ? [input.value] : []);
const draw = () => {
  for (const part of parts) {
    const source = parts.find((other) => other.dataset.key === part.dataset.shownIf);
    const answers = source?.hidden ? [] : given(`answers-${part.dataset.shownIf}`);
    part.hidden = part.dataset.shownValue ? !answers.includes(part.dataset.shownValue) : !answers.length;
  }
};
document.addEventListener("change", draw);
document.addEventListener("input", draw);
draw();
