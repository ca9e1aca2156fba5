# Bash completion of nibble: verbs, options, and files or folders where an option wants one.

_nibble() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} options
  case ${COMP_WORDS[1]} in
    inspect) options="--help --json" ;;
    quantize) options="--help --output --recipe --calibration --calibration-tokens --threads --json" ;;
    run)
      options="--help --prompt --raw --system --tools --no-thinking --show-thinking --max-tokens --context --temperature
        --top-k --top-p --min-p --presence-penalty --seed --greedy --threads --json"
      ;;
    eval) options="--help --reference --text --chunk --max-chunks --threads --json" ;;
    bench)
      options="--help --prompt --generate --depth --threads --repetitions --layers --profile --output --json"
      ;;
    synth)
      options="--help --preset --config --layers --no-vision --no-mtp --recipe --seed --tokenizer --output --threads --json"
      ;;
    logits) options="--help --ids --output --threads" ;;
    tokenize) options="--help --decode --json" ;;
    render) options="--help" ;;
    *) options="inspect quantize run eval bench synth logits tokenize render --help --version" ;;
  esac

  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    return
  fi
  case $previous in
    --recipe)
      mapfile -t COMPREPLY < <(
        if [[ ${COMP_WORDS[1]} == synth ]]; then compgen -W "bf16" -- "$word"; fi
        compgen -W "nvidia nvfp4-max nvfp4-mse" -- "$word"
        compgen -f -X '!*.toml' -- "$word"
      )
      ;;
    --preset) mapfile -t COMPREPLY < <(compgen -W "qwen3.6-35b-a3b" -- "$word") ;;
    --calibration | --text | --ids | --tools | --config | --tokenizer) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    --output)
      if [[ ${COMP_WORDS[1]} == bench ]]; then
        mapfile -t COMPREPLY < <(compgen -W "md json csv" -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
      fi
      ;;
    -o | --reference) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    --prompt | -p | --system | --calibration-tokens | --max-tokens | --context | --temperature | --top-k | --top-p | \
      --min-p | --presence-penalty | --seed | --threads | --chunk | --max-chunks | --layers | --generate | --depth | --repetitions | -n | -d | -t | -r) ;;
    *)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
      fi
      ;;
  esac
}

complete -o filenames -F _nibble nibble
