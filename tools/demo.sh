#!/bin/sh
# What nibble does, shown on the small real model: three checkpoints are made of it, each is compared with it, one
# answers. Usage: tools/demo.sh PROGRAM (`make demo` builds it first). Takes about a minute on two processors.
set -eu
program=$(realpath "$1")
cd "$(dirname "$0")/.."
model=models/qwen36-tiny
text=data/chats_heldout.txt
recipes="nvidia nvfp4-max nvfp4-mse"
mkdir -p out

say() {
  printf '\n== %s\n\n' "$*"
}

# value KEY < JSON: the last number after "KEY", or after the "value" of the object that stands there.
value() {
  awk -v key="\"$1\":" '
    { sub(/,$/, "", $2) }
    inside && $1 == "\"value\":" { number = $2; inside = 0 }
    $1 == key && $2 == "{" { inside = 1 }
    $1 == key && $2 != "{" { number = $2 }
    END { print number }'
}

say "The model: nibble inspect $model"
"$program" inspect "$model"

for recipe in $recipes; do
  say "A checkpoint of it: nibble quantize $model -o out/$recipe --recipe $recipe"
  rm -rf "out/$recipe" "out/$recipe.partial"
  "$program" quantize "$model" -o "out/$recipe" --recipe "$recipe"
done

say "How far from the original: nibble eval out/RECIPE --reference $model --text $text --max-chunks 64"
printf '%-10s %6s %11s %11s %15s %9s %9s\n' recipe MB bits/weight perplexity 'of the original' 'mean KLD' 'same top'
for recipe in $recipes; do
  report=$("$program" eval "out/$recipe" --reference "$model" --text "$text" --max-chunks 64 --json)
  contents=$("$program" inspect "out/$recipe" --json)
  get() { printf '%s\n' "$report" "$contents" | value "$1"; }
  echo "$recipe $(get bytes) $(get bits_per_weight) $(get perplexity) $(get reference_perplexity) $(get mean_kld)" \
    "$(get same_top)" |
    awk '{ printf "%-10s %6.2f %11.2f %11.4f %15.4f %9.5f %7.2f %%\n", $1, $2 / 1e6, $3, $4, $5, $6, 100 * $7 }'
done

say "It answers: nibble run out/nvidia --no-thinking --greedy -p ..."
ask() {
  printf '> %s\n' "$1"
  "$program" run out/nvidia --no-thinking --greedy --max-tokens 80 -p "$@"
}
ask 'What is the opposite of early?'
ask 'Which number is larger, 683 or 909?'
ask 'Write as JSON: Liam is 65 years old, lives in Berlin and wants a window.'

tools=out/demo-tools.json
cat >"$tools" <<'JSON'
[{"type": "function", "function": {"name": "get_weather", "description": "Weather in a city",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
JSON
say "It calls a function: nibble run out/nvidia --tools $tools --no-thinking --greedy -p ..."
ask 'What is the weather in Lisbon?' --tools "$tools"
