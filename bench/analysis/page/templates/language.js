"use strict";
// Every text that differs stands in the page in English, with its Chinese words in data-zh (or data-zh-aria-label, data-zh-alt).
const WORDS = JSON.parse(document.body.dataset.words);
const language = () => document.documentElement.lang.slice(0, 2);
const word = (key, ...values) => WORDS[language()][key].replace(/\{(\d)\}/g, (_, i) => values[i]);

// What scripts have written themselves, to be written again in the other language.
const onLanguage = [];

const setLanguage = (code) => {
  const to = code.toLowerCase().startsWith("zh") ? "zh" : "en";
  if (to !== language()) {
    document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
    for (const node of document.querySelectorAll("[data-zh]")) {
      node.dataset.en ??= node.textContent;
      node.textContent = node.dataset[to];
      // A chart's text is held to the length of its English words.
      if (node.dataset.length ??= node.getAttribute("textLength") ?? "") {
        if (to === "en") node.setAttribute("textLength", node.dataset.length);
        else node.removeAttribute("textLength");
      }
    }
    for (const name of ["aria-label", "alt"]) {
      for (const node of document.querySelectorAll(`[data-zh-${name}]`)) {
        if (!node.hasAttribute(`data-en-${name}`)) node.setAttribute(`data-en-${name}`, node.getAttribute(name));
        node.setAttribute(name, node.getAttribute(`data-${to}-${name}`));
      }
    }
    onLanguage.forEach((tell) => tell());
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === to));
  }
  return to;
};

// A page from disk may have no storage, and asking for it may be refused.
const KEPT = "washtest-language";
const kept = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };
const keep = (code) => { try { localStorage.setItem(KEPT, code); } catch { /* the choice lasts as long as the page */ } };

// A page in one language has no switch and stays as it is.
const switcher = document.querySelector(".languages");
if (switcher) {
  setLanguage(new URLSearchParams(location.search).get("lang") || kept() || navigator.language || "en");
  for (const button of switcher.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => keep(setLanguage(button.dataset.language)));
  }
  switcher.hidden = false;
}
