/**
 * Completion scripts for shells, made from the table of commands.
 *
 * A script knows where on the line it is by the commands it has seen (its path, as `topics list`). It then offers what may
 * follow: commands, options, the values of an option that has a few, and the names of topics or groups, for which it asks
 * the cluster.
 */
import type { Command, Option } from "commander";

export type Shell = "bash" | "zsh" | "fish";

export function completionScript(shell: Shell, program: Command): string {
  const places = placesOf(program, []);
  switch (shell) {
    case "bash":
      return bashScript(places);
    case "zsh":
      return zshScript(places);
    case "fish":
      return fishScript(places);
  }
}

/** A command, and what may follow it. */
interface Place {
  readonly path: string;
  readonly commands: readonly { readonly names: readonly string[]; readonly description: string }[];
  readonly options: readonly Option[];
  readonly names: "topics" | "groups" | undefined;
  readonly choices: readonly string[];
}

function placesOf(command: Command, above: readonly string[]): readonly Place[] {
  const argument = command.registeredArguments[0];
  const name = argument?.name() ?? "";
  const place: Place = {
    path: above.join(" "),
    commands: command.commands.map((child) => ({
      names: [child.name(), ...child.aliases()],
      description: child.description(),
    })),
    options: command.createHelp().visibleOptions(command),
    names:
      /^topics?$/.test(name) && command.name() !== "create" ? "topics" : /^groups?$/.test(name) ? "groups" : undefined,
    choices: argument?.argChoices ?? [],
  };
  return [place, ...command.commands.flatMap((child) => placesOf(child, [...above, child.name()]))];
}

/** One way to write `path` for each alias of its last command. */
function spellings(places: readonly Place[]): readonly { readonly typed: string; readonly path: string }[] {
  return places.flatMap(({ path, commands }) =>
    commands.flatMap(({ names }) => names.map((name) => ({ typed: `${path}/${name}`, path: join(path, names[0]!) }))),
  );
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path} ${name}`;
}

const ASK = { topics: "chronik topics list --names 2>/dev/null", groups: "chronik groups list --names 2>/dev/null" };

/** The part that bash and zsh have in common: from `path`, `last` (the word before) and `current`, the words to offer. */
function cases(places: readonly Place[]): readonly string[] {
  const values = places.flatMap(({ path, options }) =>
    options.filter(takesValue).map((option) => {
      const flags = flagsOf(option).map((flag) => `"${path}/${flag}"`);
      return `    ${flags.join("|")}) words="${(option.argChoices ?? []).join(" ")}"; return ;;`;
    }),
  );
  const options = places.map(
    (place) => `      "${place.path}") words="${place.options.flatMap(flagsOf).join(" ")}" ;;`,
  );
  const rest = places.map(({ path, commands, names, choices }) => {
    const fixed = [...commands.flatMap((command) => command.names), ...choices].join(" ");
    return `      "${path}") words="${names === undefined ? fixed : `$(${ASK[names]})`}" ;;`;
  });
  return [
    `  case "$path/$last" in`,
    ...values,
    "  esac",
    `  case "$current" in`,
    `    -*) case "$path" in`,
    ...options,
    "    esac ;;",
    `    *) case "$path" in`,
    ...rest,
    "    esac ;;",
    "  esac",
  ];
}

function steps(places: readonly Place[]): readonly string[] {
  return spellings(places).map(({ typed, path }) => `      "${typed}") path="${path}" ;;`);
}

function bashScript(places: readonly Place[]): string {
  return lines([
    "# Completion of chronik for bash: source <(chronik completion bash)",
    "_chronik_words() {",
    "  words=",
    ...cases(places),
    "}",
    "_chronik() {",
    "  local words path= word current=$2 last=$3",
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case "$path/$word" in`,
    ...steps(places),
    "    esac",
    "  done",
    "  _chronik_words",
    `  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")`,
    "}",
    "complete -o default -F _chronik chronik",
  ]);
}

function zshScript(places: readonly Place[]): string {
  return lines([
    "#compdef chronik",
    "# Completion of chronik for zsh: chronik completion zsh > a folder of $fpath, as _chronik",
    "_chronik_words() {",
    "  found=",
    // `words` is zsh's own, and `path` is where it looks for programs.
    ...cases(places).map(forZsh),
    "}",
    "_chronik() {",
    `  local found place= word current="\${words[CURRENT]}" last="\${words[CURRENT-1]}"`,
    `  for word in "\${(@)words[2,CURRENT-1]}"; do`,
    `    case "$place/$word" in`,
    ...steps(places).map(forZsh),
    "    esac",
    "  done",
    "  _chronik_words",
    `  if [[ -n "$found" ]]; then compadd -- \${=found}; else _files; fi`,
    "}",
    `if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _chronik "$@"; else compdef _chronik chronik; fi`,
  ]);
}

function forZsh(line: string): string {
  return line
    .replace(/\bwords=/g, "found=")
    .replace(/\$path\b/g, "$place")
    .replace(/\bpath=/g, "place=");
}

function fishScript(places: readonly Place[]): string {
  const at = (path: string): string => `-n "test (__chronik_path) = '${path}'"`;
  const entries = places.flatMap(({ path, commands, options, names, choices }) => [
    ...commands.flatMap((command) =>
      command.names.map((name) => `complete -c chronik -f ${at(path)} -a ${name} -d ${quoted(command.description)}`),
    ),
    ...(choices.length > 0 ? [`complete -c chronik -f ${at(path)} -a "${choices.join(" ")}"`] : []),
    ...(names === undefined ? [] : [`complete -c chronik -f ${at(path)} -a "(${ASK[names]})"`]),
    ...options.map((option) => {
      const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
      const long = option.long === undefined ? "" : ` -l ${option.long.slice(2)}`;
      const value = takesValue(option)
        ? ` -r${option.argChoices ? ` -f -a "${option.argChoices.join(" ")}"` : ""}`
        : "";
      return `complete -c chronik ${at(path)}${short}${long}${value} -d ${quoted(option.description)}`;
    }),
  ]);
  return lines([
    "# Completion of chronik for fish: chronik completion fish > ~/.config/fish/completions/chronik.fish",
    "function __chronik_path",
    "  set -l path ''",
    "  for word in (commandline -opc)[2..]",
    `    switch "$path/$word"`,
    ...spellings(places).map(({ typed, path }) => `      case '${typed}'; set path '${path}'`),
    "    end",
    "  end",
    `  echo "$path"`,
    "end",
    ...entries,
  ]);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function flagsOf({ short, long }: Option): readonly string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
