using EdgeProxy.Sites.Placeholders;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Sites;

/// <summary>Changes of a header, prepared at the start. Immutable.</summary>
internal sealed class HeaderChanges
{
    private readonly string[] _remove;
    private readonly (string Name, Template Value)[] _set;
    private readonly (string Name, Template Value)[] _add;
    private readonly (string Name, Template Value)[] _default;
    private readonly (string Name, FieldReplacement Replacement)[] _replace;

    /// <param name="options">Checked.</param>
    private HeaderChanges(HeaderOptions options)
    {
        _remove = [.. options.Remove ?? []];
        _set = Templates(options.Set);
        _add = [.. (options.Add ?? []).SelectMany(field => field.Value, (field, value) => (field.Key, Template.Parse(value)))];
        _default = Templates(options.Default);
        _replace = [.. (options.Replace ?? []).Select(field => (field.Key, new FieldReplacement(field.Value)))];
    }

    /// <returns>Null: nothing is changed.</returns>
    public static HeaderChanges? Of(HeaderOptions? options) =>
        options is { Remove.Count: > 0 } or { Set.Count: > 0 } or { Add.Count: > 0 } or { Default.Count: > 0 }
            or { Replace.Count: > 0 } ? new HeaderChanges(options) : null;

    /// <summary>Changes the header of a response, when it is complete.</summary>
    public void Apply(IHeaderDictionary headers, in RequestWords request)
    {
        foreach (var name in _remove)
        {
            if (name.Contains('*', StringComparison.Ordinal))
            {
                RemoveAll(headers, name);
            }
            else
            {
                headers.Remove(name);
            }
        }

        foreach (var (name, value) in _set)
        {
            headers[name] = value.Expand(request, Escaping.Field);
        }

        foreach (var (name, value) in _add)
        {
            headers.Append(name, value.Expand(request, Escaping.Field));
        }

        foreach (var (name, value) in _default)
        {
            if (StringValues.IsNullOrEmpty(headers[name]))
            {
                headers[name] = value.Expand(request, Escaping.Field);
            }
        }

        foreach (var (name, replacement) in _replace)
        {
            if (headers.TryGetValue(name, out var values))
            {
                headers[name] = replacement.Apply(values);
            }
        }
    }

    /// <summary>Whether values are added to those that a field has.</summary>
    public bool Adds(string field)
    {
        foreach (var (name, _) in _add)
        {
            if (name.Equals(field, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What is to be changed in a request that is forwarded, with the values that this one has.</summary>
    public IReadOnlyList<FieldChange> Read(in RequestWords request)
    {
        var changes = new List<FieldChange>(_remove.Length + _set.Length + _add.Length + _default.Length);
        changes.AddRange(_remove.Select(name => new FieldChange(FieldChangeKind.Remove, name, "")));
        Add(changes, FieldChangeKind.Set, _set, request);
        Add(changes, FieldChangeKind.Add, _add, request);
        Add(changes, FieldChangeKind.Default, _default, request);
        return changes;
    }

    /// <summary>Whether a name is one that a pattern with a star at one end means.</summary>
    public static bool Means(string pattern, string name) => pattern.StartsWith('*')
        ? name.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
        : pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
        : name.Equals(pattern, StringComparison.OrdinalIgnoreCase);

    private static void Add(List<FieldChange> changes, FieldChangeKind kind, (string Name, Template Value)[] fields, in RequestWords request)
    {
        foreach (var (name, value) in fields)
        {
            changes.Add(new FieldChange(kind, name, value.Expand(request, Escaping.Field)));
        }
    }

    private static void RemoveAll(IHeaderDictionary headers, string pattern)
    {
        foreach (var name in headers.Keys.Where(name => Means(pattern, name) && !HeaderRules.IsOfConnection(name)).ToList())
        {
            headers.Remove(name);
        }
    }

    private static (string Name, Template Value)[] Templates(Dictionary<string, string>? fields) =>
        [.. (fields ?? []).Select(field => (field.Key, Template.Parse(field.Value)))];
}

internal enum FieldChangeKind
{
    Remove,
    Set,
    Add,
    Default,
}

/// <summary>One change of a request's header.</summary>
internal readonly record struct FieldChange(FieldChangeKind Kind, string Name, string Value);
