// A question is shown as soon as the answers that it waits for are given (data-when, in reading order).
const given = (name) =>
  [...document.getElementsByName(name)]
    .filter((field) => !field.closest("[hidden]") && (/radio|checkbox/.test(field.type) ? field.checked : field.value))
    .map((field) => field.value);
const signs = { "=": (a, b) => a === b, "!=": (a, b) => a !== b, ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b };
const met = ([name, sign, wanted]) => {
  const values = given(name);
  if (sign === "exists") return Boolean(values.length) === wanted;
  return values.some((value) => signs[sign](typeof wanted === "number" ? Number(value.replace(",", ".")) : value, wanted));
};
const show = () => {
  for (const node of document.querySelectorAll("[data-when]")) {
    const [any, conditions] = JSON.parse(node.dataset.when);
    node.hidden = !(any ? conditions.some(met) : conditions.every(met));
  }
};
document.addEventListener("input", show);
show();
