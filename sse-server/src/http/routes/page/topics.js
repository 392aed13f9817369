// ------------------------------------------------------------------ topics
const TOPICS_MAX = 10_000; // that are asked for
const TOPICS_ASKED = 1_000; // at a time, as many as a hub gives
const TOPICS_MS = 3_000;   // between loads while events arrive, for each of the answers that a load takes
const SUGGESTED = 50;      // topics in the list below the field for one
let topics = [], topicsAnswers = 1, topicsPage = 0, topicsLoad = null;
let topicsTimer = 0, topicsListed = false;

/** Keeps the list up to date while events arrive, but not under someone's fingers, and not where there is none. */
function topicsSoon() {
  topicsTimer ||= setTimeout(() => {
    topicsTimer = 0;
    if (topicsListed && !document.hidden && !$("topics").contains(document.activeElement)) loadTopics();
  }, TOPICS_MS * topicsAnswers);
}

/** Asks for all topics, a thousand at a time. A load that begins later takes the place of this one. */
async function loadTopics() {
  clearTimeout(topicsTimer);
  topicsTimer = 0;
  topicsLoad?.abort();
  const load = (topicsLoad = new AbortController());
  let note = "", found = [], next = null, answers = 0;
  let isListed = false;
  try {
    do {
      const wanted = new URLSearchParams({ limit: TOPICS_ASKED, ...(next !== null && { after: next }) });
      const response = await fetch(`${BASE}topics?${wanted}`, { headers: { Accept: "application/json", ...credentials() }, cache: "no-store", signal: load.signal });
      isListed = response.ok;
      if (!isListed) {
        note = response.status === 404 ? "This address does not list them." : await problem(response);
        found = [];
        break;
      }
      const answer = await response.json();
      found = found.concat(answer.topics);
      next = answer.next;
      answers++;
    } while (next !== null && found.length < TOPICS_MAX);
    if (isListed && found.length === 0) note = "None yet: publishing to a topic makes it.";
    else if (next !== null) note = `The first ${found.length}; there are more. Any can be watched by its name.`;
  } catch {
    note = "The list can’t be loaded just now.";
    isListed = false;
    found = [];
  }
  if (load !== topicsLoad) return;
  topics = found;
  topicsAnswers = Math.max(1, answers);
  topicsListed = isListed;
  say("topics-note", note);
  drawTopics();
  suggestTopics();
}

function drawTopics() {
  const search = $("topics-search").value;
  const { shown, from, found, page, last } = pageOfTopics(topics, search, topicsPage);
  topicsPage = page;
  $("topics").hidden = found === 0;
  $("topics-search").hidden = topics.length <= 8 && search === "";
  $("topics-pager").hidden = last === 0;
  say("topics-range", found === 0 ? "" : `${from + 1} to ${from + shown.length} of ${found}`);
  $("topics-before").setAttribute("aria-disabled", page === 0);
  $("topics-after").setAttribute("aria-disabled", page === last);
  $("topics-none").hidden = found > 0 || topics.length === 0;
  const rows = $("topics").children;
  while (rows.length > shown.length) $("topics").lastElementChild.remove();
  while (rows.length < shown.length) $("topics").append(topicRow());
  shown.forEach((topic, i) => fillTopic(rows[i].firstElementChild, topic));
}

const topicRow = () => make("li", {}, make("button", { type: "button", class: "plain", title: "Watch this topic, or stop" },
  make("bdi", { class: "mono" }), make("span", { class: "small quiet" })));

/** What a row has already stays as it is: then a list that is loaded again costs next to nothing. */
function fillTopic(button, { topic, events, subscribers }) {
  const [name, counts] = button.children, words = `${events} kept, ${subscribers} watching`;
  if (button.dataset.topic !== topic) {
    button.dataset.topic = topic;
    name.textContent = nameOf(topic);
  }
  if (counts.textContent !== words) counts.textContent = words;
  button.setAttribute("aria-pressed", selectors.includes(topic));
}

/** Names for the field of the form that publishes, out of those that have what is typed there. */
function suggestTopics() {
  const { shown } = pageOfTopics(topics, $("publish-topic").value, 0);
  const plain = shown.filter(({ topic }) => nameOf(topic) === topic).slice(0, SUGGESTED); // an option shows its value as it is
  $("known-topics").replaceChildren(...plain.map(({ topic }) => make("option", { value: topic })));
}

/** A button at an end of the list stays where it is, with the focus, and does nothing: the page is brought into range. */
function turnTopics(by) {
  topicsPage += by;
  drawTopics();
  $("topics").scrollTop = 0;
}

let searchTimer = 0;
$("topics-search").oninput = () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => { topicsPage = 0; drawTopics(); }, 100);
};
$("topics").onclick = ({ target }) => {
  const topic = target.closest("button")?.dataset.topic;
  if (topic !== undefined) watch(selectors.includes(topic) ? selectors.filter((s) => s !== topic) : [...selectors, topic]);
};
$("topics-before").onclick = () => turnTopics(-1);
$("topics-after").onclick = () => turnTopics(1);
$("topics-refresh").onclick = loadTopics;
$("publish-topic").oninput = suggestTopics;

