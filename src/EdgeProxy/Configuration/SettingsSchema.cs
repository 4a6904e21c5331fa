using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Serialization.Metadata;

namespace EdgeProxy.Configuration;

/// <summary>Finds keys that do not exist and values of the wrong kind, all of them, by walking the configuration beside the shape of the options.</summary>
/// <remarks>
/// The generated binder ignores unknown keys or stops at the first object that has one, and throws at the first bad value. The shape comes
/// from the JSON source generator, the one description of a class that needs no reflection; nothing is read as JSON here.
/// </remarks>
internal static class SettingsSchema
{
    /// <summary>Walks <paramref name="section"/>; a null <paramref name="type"/> is a place whose shape is not ours to judge.</summary>
    public static SettingsPaths Check(IConfigurationSection section, JsonTypeInfo type, ProblemList problems)
    {
        var paths = new SettingsPaths(new(StringComparer.OrdinalIgnoreCase), []);
        if (section.Exists())
        {
            new Walk(problems, paths).Value(section, type, isNullable: false);
        }

        return paths;
    }

    private sealed class Walk(ProblemList problems, SettingsPaths paths)
    {
        public void Value(IConfigurationSection section, JsonTypeInfo type, bool isNullable)
        {
            var hasChildren = section.GetChildren().Any();
            switch (type.Kind)
            {
                case JsonTypeInfoKind.Object when hasChildren:
                    Object(section, type);
                    break;
                case JsonTypeInfoKind.Enumerable when hasChildren:
                    Array(section, type);
                    break;
                case JsonTypeInfoKind.Dictionary when hasChildren:
                    Elements(section, type);
                    break;
                case JsonTypeInfoKind.None when !hasChildren:
                    Leaf(section, type.Type, isNullable);
                    break;
                case JsonTypeInfoKind.None:
                    var why = section.GetChildren().Any(child => child.Key == "0") ? "" : " (a : in a name makes an object of it, too)";
                    Refuse(section, $"must be {SettingsLeaf.Allowed(type.Type)}, not an object or a list{why}");
                    break;
                case JsonTypeInfoKind.Object when section.Value is null && !isNullable:
                    Refuse(section, "must be an object, not null (which {} means as well); leave it out for the defaults");
                    break;
                case JsonTypeInfoKind.Enumerable when type.Type == typeof(TextList) && !string.IsNullOrEmpty(section.Value):
                    paths.SingleTexts.Add(section.Path);
                    break;
                // null and the empty string (how an empty list or object is stored) are "nothing".
                case var kind when !string.IsNullOrEmpty(section.Value):
                    Refuse(section, kind == JsonTypeInfoKind.Enumerable ? "must be a list: [...]" : "must be an object: {...}");
                    break;
            }
        }

        private void Object(IConfigurationSection section, JsonTypeInfo type)
        {
            foreach (var child in section.GetChildren())
            {
                var property = type.Properties.FirstOrDefault(property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
                if (property is null)
                {
                    problems.Error(child.Path, $"is not a setting; {NearestKey.Suggest(section.Path, child.Key, type.Properties.Select(known => known.Name))}");
                }
                else
                {
                    Value(child, type.Options.GetTypeInfo(property.PropertyType), property.IsSetNullable);
                }
            }
        }

        private void Array(IConfigurationSection section, JsonTypeInfo type)
        {
            if (section.GetChildren().Any(child => !int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            {
                Refuse(section, "must be a list: [...]");
                return;
            }

            Elements(section, type);
        }

        private void Elements(IConfigurationSection section, JsonTypeInfo type)
        {
            var element = type.Options.GetTypeInfo(type.ElementType ?? throw new UnreachableException());
            foreach (var child in section.GetChildren())
            {
                Value(child, element, isNullable: false);
            }
        }

        private void Leaf(IConfigurationSection section, Type type, bool isNullable)
        {
            if (section.Value is null ? !isNullable : !SettingsLeaf.CanConvert(section.Value, type))
            {
                Refuse(section, $"must be {SettingsLeaf.Allowed(type)}");
            }
        }

        private void Refuse(IConfigurationSection section, string message)
        {
            paths.Unusable.Add(section.Path);
            problems.Error(section.Path, message);
        }
    }
}

/// <summary>Places of the settings that the binder needs help with.</summary>
/// <param name="Unusable">Whose values cannot be bound.</param>
/// <param name="SingleTexts">A text in place of a <see cref="TextList"/>.</param>
internal sealed record SettingsPaths(HashSet<string> Unusable, List<string> SingleTexts);
