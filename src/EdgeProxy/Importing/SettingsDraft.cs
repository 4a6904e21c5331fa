using System.Text.Json.Nodes;

namespace EdgeProxy.Importing;

/// <summary>Settings by key path, each with the line that it comes from. EdgeProxy has one value for all that Caddy may say several times; two that differ are
/// a problem.</summary>
/// <param name="placeholderIn">Finds a placeholder of the other server in a text, which would be taken literally here; null: it has none.</param>
internal sealed class SettingsDraft(ImportRemarks remarks, Func<string, string?>? placeholderIn)
{
    private readonly Dictionary<string, (JsonNode? Value, SourceLine At)> _values = new(StringComparer.Ordinal);

    /// <param name="key">Such as <c>EdgeProxy:Upstream:ConnectTimeout</c>.</param>
    /// <param name="value">What the settings file will have.</param>
    /// <param name="at">The line that says so.</param>
    public void Set(string key, JsonNode? value, SourceLine at)
    {
        RefusePlaceholders(value, at);
        if (!_values.TryAdd(key, (value, at)) && !JsonNode.DeepEquals(_values[key].Value, value))
        {
            remarks.Problem(
                at,
                $"asks for {key} = {Show(value)}, but {_values[key].At} for {Show(_values[key].Value)}; EdgeProxy has one value for all: make both lines the " +
                    "same");
        }
    }

    public void Set(string key, TimeSpan value, SourceLine at) =>
        Set(key, JsonValue.Create(value.ToString("c", System.Globalization.CultureInfo.InvariantCulture)), at);

    public void Append(string key, string item, SourceLine at) => AppendNode(key, JsonValue.Create(item), at);

    /// <summary>Adds to a list what is not in it.</summary>
    public void AppendNode(string key, JsonNode item, SourceLine at)
    {
        RefusePlaceholders(item, at);
        var list = _values.TryGetValue(key, out var known) ? (JsonArray)known.Value! : [];
        if (!list.Any(element => JsonNode.DeepEquals(element, item)))
        {
            list.Add(item);
        }

        _values[key] = (list, known.Value is null ? at : known.At);
    }

    /// <summary>The last word, whatever the file says.</summary>
    public void Replace(string key, JsonNode value, SourceLine at) => _values[key] = (value, at);

    /// <summary>What is no setting itself, but led to some.</summary>
    /// <returns>Null: it was not set.</returns>
    public (string Value, SourceLine At)? Take(string key) => _values.Remove(key, out var taken) ? (taken.Value!.GetValue<string>(), taken.At) : null;

    /// <summary>The line that a key, or the section that it is in, comes from.</summary>
    public SourceLine? LineOf(string key) => _values
        .Where(pair => key == pair.Key || key.StartsWith(pair.Key + ":", StringComparison.Ordinal))
        .Select(pair => (SourceLine?)pair.Value.At)
        .FirstOrDefault();

    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>It is a list, and not an empty one.</summary>
    public bool HasItems(string key) => _values.TryGetValue(key, out var known) && known.Value is JsonArray { Count: > 0 };

    /// <summary>Adds all that another draft has.</summary>
    public void TakeOver(SettingsDraft other)
    {
        foreach (var (key, (value, at)) in other._values)
        {
            Set(key, value, at);
        }
    }

    /// <summary>Names what another site has otherwise than this one.</summary>
    /// <param name="site">The other site.</param>
    /// <param name="at">Its line.</param>
    public void Compare(SettingsDraft site, SourceLine at)
    {
        foreach (var (key, (value, line)) in site._values)
        {
            if (!_values.TryGetValue(key, out var ours) || !JsonNode.DeepEquals(ours.Value, value))
            {
                remarks.Problem(
                    line,
                    $"holds for one of several sites ({key} = {Show(value)}); EdgeProxy serves one app by the same settings for all its names: serve the " +
                        "other site by another server, or make the sites alike");
            }
        }

        foreach (var (key, (_, line)) in _values.Where(ours => !site._values.ContainsKey(ours.Key)))
        {
            remarks.Problem(
                at,
                $"lacks what the site of {line} has ({key}); EdgeProxy serves one app by the same settings for all its names: serve this site by another " +
                    "server, or make the sites alike");
        }
    }

    /// <summary>The whole, in the order of <paramref name="order"/>; keys of one section stay together.</summary>
    public JsonObject ToJson(IReadOnlyList<string> order)
    {
        var root = new JsonObject();
        foreach (var (key, (value, _)) in _values.OrderBy(pair => Rank(pair.Key, order)))
        {
            var path = key.Split(':');
            var parent = root;
            foreach (var section in path[..^1])
            {
                parent = (JsonObject)(parent[section] ??= new JsonObject());
            }

            parent[path[^1]] = value?.DeepClone();
        }

        return root;
    }

    private static int Rank(string key, IReadOnlyList<string> order)
    {
        var known = order.Index().FirstOrDefault(place => key == place.Item || key.StartsWith(place.Item + ":", StringComparison.Ordinal));
        return known.Item is null ? order.Count : known.Index;
    }

    /// <summary>What Caddy fills in for each request, or when it starts, would be taken literally here.</summary>
    private void RefusePlaceholders(JsonNode? value, SourceLine at)
    {
        if (value is JsonObject members)
        {
            foreach (var (_, member) in members)
            {
                RefusePlaceholders(member, at);
            }
        }
        else if (value is JsonArray items)
        {
            foreach (var item in items)
            {
                RefusePlaceholders(item, at);
            }
        }
        else if (value is JsonValue text && text.TryGetValue(out string? said) && placeholderIn?.Invoke(said) is { } placeholder)
        {
            remarks.Problem(at, $"{placeholder} in \"{said}\" is filled in by Caddy while it runs, and settings are fixed; write the value itself");
        }
    }

    private static string Show(JsonNode? value) => value?.ToJsonString() ?? "null";
}
