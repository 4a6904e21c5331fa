using System.Globalization;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Configuration;

/// <summary>The tables of <c>docs/configuration.md</c> are made of the options classes: their keys, their defaults, their documentation.</summary>
public sealed partial class ConfigurationPageTests
{
    private const string Begin = "<!-- keys: made from the options classes; EDGEPROXY_WRITE_DOCS=1 and the tests write it anew -->\n";

    private static readonly string _file = Repository.File("docs/configuration.md");
    private static readonly Dictionary<string, XElement> _documentation = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "edgeproxy.xml"))
        .Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);

    [Fact]
    public async Task The_page_has_every_key_with_its_default_and_what_it_does()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var expected = Tables();
        var page = await File.ReadAllTextAsync(_file, cancellation);
        var start = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        if (Environment.GetEnvironmentVariable("EDGEPROXY_WRITE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(_file, page[..start] + expected, cancellation);
        }
        else
        {
            Assert.Equal(expected, page[start..]);
        }
    }

    [Fact]
    public void Every_key_is_documented() => Assert.Empty(
        Keys(SettingsShape.Default.EdgeProxyOptions, new EdgeProxyOptions(), "").Where(key => key.Description.Length == 0).Select(key => key.Path));

    private static string Tables()
    {
        var text = new StringBuilder();
        foreach (var section in Keys(SettingsShape.Default.EdgeProxyOptions, new EdgeProxyOptions(), "").GroupBy(key => key.Path.Split(':', '[')[0]))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n### {section.Key}\n\n| key | default | |\n|---|---|---|\n");
            foreach (var key in section)
            {
                text.Append(CultureInfo.InvariantCulture, $"| `{key.Path}` | {key.Default} | {key.Description} |\n");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<(string Path, string Default, string Description)> Keys(JsonTypeInfo type, object? defaults, string prefix)
    {
        foreach (var property in type.Properties)
        {
            var path = prefix + property.Name;
            var value = defaults is null ? null : property.Get!(defaults);
            var inner = type.Options.GetTypeInfo(property.PropertyType);
            var element = inner.Kind is JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary ? type.Options.GetTypeInfo(inner.ElementType!) : null;
            if (element?.Kind == JsonTypeInfoKind.Object && inner.Kind == JsonTypeInfoKind.Dictionary)
            {
                yield return (path, "`{}`", Describe(type, property));
                // the others of an app are those of the top level
                foreach (var key in Keys(element, Activator.CreateInstance(element.Type), "").Where(key => prefix.Length > 0 || !HasKey(type, key.Path)))
                {
                    yield return key with { Path = $"{path}:NAME:{key.Path}" };
                }
            }
            else if (element?.Kind == JsonTypeInfoKind.Object)
            {
                yield return (path, "`[]`", Describe(type, property));
                foreach (var key in Keys(element, Activator.CreateInstance(element.Type), path + "[]:"))
                {
                    yield return key;
                }
            }
            else if (inner.Kind == JsonTypeInfoKind.Object)
            {
                foreach (var key in Keys(inner, value ?? Activator.CreateInstance(inner.Type), path + ":"))
                {
                    yield return key;
                }
            }
            else
            {
                yield return (path, Literal(value, inner.Kind), Describe(type, property));
            }
        }
    }

    private static bool HasKey(JsonTypeInfo type, string path) => type.Properties.Any(property => property.Name == path.Split(':')[0]);

    private static string Literal(object? value, JsonTypeInfoKind kind) => value switch
    {
        null when kind is JsonTypeInfoKind.Enumerable => "`[]`",
        null when kind is JsonTypeInfoKind.Dictionary => "`{}`",
        null => "`null`",
        bool flag => flag ? "`true`" : "`false`",
        TimeSpan duration => $"`\"{duration:c}\"`",
        IFormattable number when value is int or long or double => $"`{number.ToString(null, CultureInfo.InvariantCulture)}`",
        System.Collections.IEnumerable and not string => kind is JsonTypeInfoKind.Dictionary ? "`{}`" : "`[]`",
        _ => $"`\"{value}\"`",
    };

    /// <summary>The summary in the class' own documentation, as Markdown on one line.</summary>
    private static string Describe(JsonTypeInfo type, JsonPropertyInfo property)
    {
        if (!_documentation.TryGetValue($"P:{property.DeclaringType!.FullName!.Replace('+', '.')}.{property.Name}", out var member)
            || member.Element("summary") is not { } summary)
        {
            return "";
        }

        var text = string.Concat(summary.Nodes().Select(node => node switch
        {
            XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
            XElement { Name.LocalName: "see" } see => $"`{(see.Attribute("cref") ?? see.Attribute("langword"))!.Value.Split('.')[^1]}`",
            XElement other => other.Value,
            _ => node.ToString(),
        }));
        var choices = (Nullable.GetUnderlyingType(
            property.PropertyType) ?? property.PropertyType.GetElementType() ?? property.PropertyType) is { IsEnum: true } choice
            ? $" One of {string.Join(", ", Enum.GetNames(choice).Select(name => $"`{name}`"))}."
            : "";
        return WhiteSpace().Replace(System.Net.WebUtility.HtmlDecode(text), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal) + choices;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
