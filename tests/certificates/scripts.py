"""Names in the scripts of the countries that take part, each with a Latin one, for tests of the document."""

NAMES: dict[str, tuple[str, str, str | None]] = {
    # language: (Latin, native, country)
    "ru": ("Ekaterina Shcherbakova", "Екатерина Щербакова", "RU"),
    "el": ("Eleftheria Papadopoulou", "Ελευθερία Παπαδοπούλου", "GR"),
    "ar": ("Fatima az-Zahra Benali", "فاطِمة الزَّهراء بنت عليّ", "MA"),
    "he": ("Shira Ben-David", "שִׁירָה בֶּן־דָּוִד", "IL"),
    "zh": ("Ouyang Xiaoming", "欧阳晓明", "CN"),
    "ja": ("Watanabe Sakurako", "渡辺 さくら子", "JP"),
    "ko": ("Kim Hyeon-jeong", "김현정", "KR"),
    "th": ("Siriporn Kittiphong", "ศิริพร กิตติพงษ์ไพบูลย์ญี่ปุ่น", "TH"),
    "km": ("Chanthy Sopheap", "ស្រីស្រស់ ច័ន្ទសុភាព", "KH"),
    "lo": ("Bounmy Phommachanh", "ບຸນມີ ພົມມະຈັນ ເຂັ້ມແຂງ", "LA"),
    "my": ("Khin Myo Kyaw", "ခင်မျိုးကျော် သန္တာဦး", "MM"),
    "hi": ("Lakshmi Shrivastava", "लक्ष्मी श्रीवास्तव क्षत्रिय", "IN"),
    "bn": ("Krishnendu Bhattacharya", "কৃষ্ণেন্দু ভট্টাচার্য্য", "BD"),
    "ta": ("Krishnamoorthy Sri", "ஶ்ரீ கிருஷ்ணமூர்த்தி", "LK"),
    "si": ("Sri Wickramasinghe", "ශ්‍රී වික්‍රමසිංහ", "LK"),
    "am": ("Abebe Bikila Gebreyesus", "አበበ ቢቂላ ገብረኢየሱስ", "ET"),
    "ka": ("Ketevan Javakhishvili", "ქეთევან ჯავახიშვილი", "GE"),
    "hy": ("Hovhannes Tumanyan", "Հովհաննես Թումանյան", "AM"),
    "vi": ("Nguyễn Thị Ánh Tuyết", "Nguyễn Thị Ánh Tuyết", "VN"),
}
