using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>The checks of one object of the settings; reports under its path.</summary>
/// <param name="problems">Where problems go.</param>
/// <param name="path">The object's key path, e.g. <c>EdgeProxy:Health</c>.</param>
internal readonly struct SettingsScope(ProblemList problems, string path)
{
    public string KeyOf(string name) => ConfigurationPath.Combine(path, name);

    /// <summary>An object inside this one, or an element of a list: <c>Process</c>, <c>StaticFiles:0</c>.</summary>
    public SettingsScope In(string name) => new(problems, KeyOf(name));

    public SettingsScope In(string list, int index) => new(problems, KeyOf(ElementKey(list, index)));

    public void Error(string name, string message, bool isSecret = false) => problems.Error(KeyOf(name), message, isSecret);

    public void Warn(string name, string message) => problems.Warn(KeyOf(name), message);

    public void Range(string name, long value, long min, long max)
    {
        if (value < min || value > max)
        {
            Error(name, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {min} to {max}"));
        }
    }

    public void Range(string name, double value, double min, double max)
    {
        if (!(value >= min && value <= max))
        {
            Error(name, string.Create(CultureInfo.InvariantCulture, $"must be a number from {min} to {max}"));
        }
    }

    public void Range(string name, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max)
        {
            Error(name, $"must be a duration from {SettingsLeaf.Written(min)} to {SettingsLeaf.Written(max)}");
        }
    }

    /// <returns>Whether there is a value.</returns>
    public bool Required(string name, string? value, string what)
    {
        if (!string.IsNullOrWhiteSpace(value))
        {
            return true;
        }

        Error(name, $"is missing: {what}");
        return false;
    }

    /// <summary>A path of a request: starts with <c>/</c>, is plain ASCII without blanks, fragment and dot segments.</summary>
    public void RequestPath(string name, string? value)
    {
        if (value is null
            || !value.StartsWith('/')
            || value.Any(character => character is <= ' ' or >= '\x7f' or '#')
            || value.Split('?')[0].Split('/').Any(segment => segment is "." or ".."))
        {
            Error(name, "must be a path that starts with / and has no blank, no #, no . or .. segment and nothing but ASCII (write %C3%A9 for é)");
        }
    }

    public void RequestPaths(string name, IReadOnlyList<string>? values) => Each(name, values, (scope, key, value) => scope.RequestPath(key, value));

    /// <summary>Checks each element of a list under its own key, and that none is there twice.</summary>
    public void Each(string name, IReadOnlyList<string>? values, Action<SettingsScope, string, string> check)
    {
        for (var i = 0; i < (values?.Count ?? 0); i++)
        {
            var key = ElementKey(name, i);
            check(this, key, values![i]);
            if (values.Take(i).Contains(values[i], StringComparer.OrdinalIgnoreCase))
            {
                Error(key, $"is in {KeyOf(name)} twice");
            }
        }
    }

    private static string ElementKey(string list, int index) => string.Create(CultureInfo.InvariantCulture, $"{list}:{index}");
}
